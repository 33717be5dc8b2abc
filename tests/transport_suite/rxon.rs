//! RXON over HTTP, in both dialects, over real sockets.

use std::time::Duration;

use axon_worker::config::{OrchestratorSettings, RxonVersion, Timing};
use axon_worker::dev::{DevOrchestrator, Dialect, Endpoint, Fault, JobSpec, JobState};
use axon_worker::testing::transport_suite::{
    self, Cannot, Claims, Peer, Refusal, Request, SeenResult, WORKER,
};
use axon_worker::transport::rxon::{RxonHttp, RxonSetup, TlsFiles};
use axon_worker::{JobId, OrchestratorId, RawJson, WorkerId};
use serde_json::{Value, json};

use crate::assert_kept_but;

const TOKEN: &str = "t0ken-of-the-suite";

struct Dev {
    orchestrator: DevOrchestrator,
    dialect: Dialect,
}

impl Dev {
    async fn start(dialect: Dialect) -> Self {
        let orchestrator = DevOrchestrator::builder()
            .dialect(dialect)
            .token(TOKEN)
            .poll_hold(Duration::from_millis(500))
            .start();
        Self {
            orchestrator: orchestrator.await.unwrap(),
            dialect,
        }
    }
}

fn endpoint(request: Request) -> Endpoint {
    match request {
        Request::Register => Endpoint::Register,
        Request::Poll => Endpoint::Poll,
        Request::Deliver => Endpoint::Result,
        // A probe is a heartbeat that says nothing.
        _ => Endpoint::Heartbeat,
    }
}

impl Peer for Dev {
    type Transport = RxonHttp;

    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // Orchestrators hold polls for 30 s, until they have been seen to do otherwise.
        claims.answers_within = Duration::from_mins(1);
        claims
    }

    fn transport(&self, origin: OrchestratorId) -> RxonHttp {
        let mut timing = Timing::default();
        timing.request_timeout = Duration::from_secs(1);
        timing.poll_timeout = Duration::from_millis(500);
        let mut settings = OrchestratorSettings::new(self.orchestrator.url(), TOKEN);
        settings.rxon_version = match self.dialect {
            Dialect::V1_0b2 => RxonVersion::V1_0b2,
            _ => RxonVersion::V1_0b17,
        };
        let worker = WorkerId::try_new(WORKER).unwrap();
        let setup = RxonSetup::new(&settings, &worker, &timing, &TlsFiles::default());
        setup.unwrap().open(origin)
    }

    async fn submit(&self, name: &str, params: RawJson) -> JobId {
        let params = params.parse().unwrap();
        let job = self.orchestrator.submit(JobSpec::task(name, params)).await;
        job.unwrap().id().clone()
    }

    async fn result(&self, job: &JobId) -> Option<SeenResult> {
        let report = self.orchestrator.job(job)?;
        match report.state {
            JobState::Waiting | JobState::Running => None,
            JobState::Finished => Some(SeenResult::success(report.data)),
            JobState::Cancelled => Some(SeenResult::cancelled()),
            _ => Some(SeenResult::failure(report.error.unwrap_or_default())),
        }
    }

    async fn cut(&self) -> Result<(), Cannot> {
        self.go_down().await?;
        self.come_up().await
    }

    async fn forget(&self) -> Result<(), Cannot> {
        self.orchestrator.forget_workers();
        Ok(())
    }

    async fn go_down(&self) -> Result<(), Cannot> {
        self.orchestrator.go_down().await.unwrap();
        Ok(())
    }

    async fn come_up(&self) -> Result<(), Cannot> {
        self.orchestrator.come_up().await.unwrap();
        Ok(())
    }

    async fn go_silent(&self) -> Result<(), Cannot> {
        for endpoint in [
            Endpoint::Register,
            Endpoint::Poll,
            Endpoint::Heartbeat,
            Endpoint::Result,
            Endpoint::Event,
        ] {
            self.orchestrator.fail_next(endpoint, Fault::Hang, 1000);
        }
        Ok(())
    }

    async fn refuse_next(&self, request: Request, with: Refusal) -> Result<(), Cannot> {
        let fault = match with {
            Refusal::RateLimited(after) => Fault::TooMany(Some(after.as_secs())),
            Refusal::Unavailable => Fault::Status(503),
            Refusal::Faulted => Fault::Status(500),
            Refusal::Unauthorized => Fault::Status(401),
            Refusal::Refused => Fault::Status(422),
            // 404 alone says too little; a worker that was forgotten is another rule.
            _ => return Err(Cannot("the orchestrator cannot say so on demand")),
        };
        self.orchestrator.fail_next(endpoint(request), fault, 1);
        Ok(())
    }

    async fn garble_next(&self, request: Request) -> Result<(), Cannot> {
        let fault = Fault::Garbage("<html>{\"no\": </html>".to_owned());
        self.orchestrator.fail_next(endpoint(request), fault, 1);
        Ok(())
    }

    async fn submit_unreadable(&self, name: &str) -> Result<JobId, Cannot> {
        let task = json!({"task_id": "t-x", "job_id": "j-x", "type": [name]});
        let fault = Fault::Garbage(task.to_string());
        self.orchestrator.fail_next(Endpoint::Poll, fault, 1);
        Ok("j-x".into())
    }

    async fn heartbeats(&self) -> Result<usize, Cannot> {
        Ok(self.orchestrator.requests_to(Endpoint::Heartbeat).len())
    }

    async fn progress(&self, job: &JobId) -> Result<Vec<f64>, Cannot> {
        let report = self.orchestrator.job(job);
        let progress = report.and_then(|report| report.progress);
        Ok(progress
            .as_ref()
            .and_then(Value::as_f64)
            .into_iter()
            .collect())
    }

    async fn cancel(&self, job: &JobId) -> Result<(), Cannot> {
        self.orchestrator.handle_of(job.clone()).cancel().await;
        Ok(())
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }
}

#[actix_rt::test]
async fn rxon_1_0b2_keeps_the_rules() {
    let report = transport_suite::run(async || Dev::start(Dialect::V1_0b2).await).await;
    // A poll that is dropped takes the next task with it (avtomatika 1.0b12).
    assert_kept_but(&report, &["dropped polls lose nothing"]);
}

#[actix_rt::test]
async fn rxon_1_0b17_keeps_the_rules() {
    let report = transport_suite::run(async || Dev::start(Dialect::V1_0b17).await).await;
    assert_kept_but(&report, &["dropped polls lose nothing"]);
}
