//! `DistWorker`, over real sockets.

use std::time::Duration;

use axon_worker::config::Timing;
use axon_worker::dev::{DistController, DistEvent, DistOutcome};
use axon_worker::testing::transport_suite::{self, Cannot, Claims, Peer, SeenResult};
use axon_worker::transport::distworker::{DistWorker, DistWorkerSetup};
use axon_worker::transport::rxon::TlsFiles;
use axon_worker::{JobId, OrchestratorId, RawJson};
use serde_json::Value;

use crate::assert_kept_but;

const TOKEN: &str = "t0ken-of-the-suite";

struct Dist(DistController);

impl Peer for Dist {
    type Transport = DistWorker;

    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // One connection.
        claims.tasks_at_once = 1;
        // A result that is not confirmed is awaited until a silent connection is noticed.
        claims.answers_within = Duration::from_secs(40);
        claims.registers_by_itself = true;
        claims
    }

    fn transport(&self, origin: OrchestratorId) -> DistWorker {
        let mut settings = self.0.settings().distworker;
        settings.reconnect_interval = Duration::from_millis(20);
        settings.heartbeat_interval = Duration::from_millis(50);
        let mut timing = Timing::default();
        timing.request_timeout = Duration::from_secs(1);
        let setup = DistWorkerSetup::new(&settings, &timing, &TlsFiles::default());
        setup.unwrap().open(origin)
    }

    async fn submit(&self, name: &str, params: RawJson) -> JobId {
        let input: Value = params.parse().unwrap();
        self.0.submit(name, &input).as_str().into()
    }

    async fn result(&self, job: &JobId) -> Option<SeenResult> {
        Some(match self.0.task(job.as_str())?.outcome? {
            DistOutcome::Completed(data) => SeenResult::success(data),
            DistOutcome::Failed { code, .. } if code == "CANCELLED" => SeenResult::cancelled(),
            DistOutcome::Failed { message, .. } => SeenResult::failure(message),
            other => panic!("{other:?}"),
        })
    }

    async fn cut(&self) -> Result<(), Cannot> {
        self.0.drop_connections();
        Ok(())
    }

    async fn forget(&self) -> Result<(), Cannot> {
        self.0.go_down().await;
        self.0.come_up().await;
        Ok(())
    }

    async fn go_down(&self) -> Result<(), Cannot> {
        self.0.go_down().await;
        Ok(())
    }

    async fn come_up(&self) -> Result<(), Cannot> {
        self.0.come_up().await;
        Ok(())
    }

    async fn go_silent(&self) -> Result<(), Cannot> {
        self.0.go_silent().await;
        Ok(())
    }

    async fn heartbeats(&self) -> Result<usize, Cannot> {
        let events = self.0.events();
        let is_one = |event: &&DistEvent| matches!(event, DistEvent::Heartbeat { .. });
        Ok(events.iter().filter(is_one).count())
    }

    async fn progress(&self, job: &JobId) -> Result<Vec<f64>, Cannot> {
        let task = self.0.task(job.as_str());
        let progress = task.map(|task| task.progress).unwrap_or_default();
        let share = |percent: f32| f64::from(percent) / 100.0;
        Ok(progress.iter().map(|it| share(it.progress)).collect())
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }
}

#[actix_rt::test]
async fn distworker_keeps_the_rules() {
    let start = async || {
        let controller = DistController::builder().provisioner("suite", TOKEN);
        Dist(controller.start().await.unwrap())
    };
    let report = transport_suite::run(start).await;
    assert_kept_but(
        &report,
        &[
            // There is one connection, and each has one task at a time.
            "several polls",
            // The controller takes a result only over the connection of its task.
            "results wait",
            // The controller cannot call off anything.
            "cancels arrive",
            "dropped waits for commands lose nothing",
            // It says no by hanging up, and skips what it cannot read.
            "refusals keep their meaning",
            "garbled answers",
            "unreadable tasks are named",
        ],
    );
}
