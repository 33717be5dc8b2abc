//! What the worker tells besides results.

use crate::testing::transport_suite::peer::Peer;
use crate::testing::transport_suite::stage::{Check, Stage, failed, report, report_with};
use crate::transport::{Availability, ProgressUpdate, Transport};

pub(super) async fn heartbeats<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let before = stage.peer.heartbeats().await?;
    let task = stage.take_one().await?;
    for report in [
        report_with(&task),
        report(Availability::Busy),
        report(Availability::Full),
        report(Availability::Idle),
    ] {
        let answer = stage.heartbeat(report).await?;
        answer.map(drop).or_else(failed("heartbeat"))?;
    }
    let arrived = async || Ok((stage.peer.heartbeats().await? > before).then_some(()));
    stage.until("the peer has a heartbeat", arrived).await
}

pub(super) async fn progress<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    stage.peer.progress(&task.job_id).await?;
    let mut link = match stage.transport.open_commands() {
        None => None,
        Some(opening) => match stage.call("open_commands", opening).await? {
            Ok(link) => Some(link),
            Err(error) => return failed("open_commands")(error),
        },
    };
    let telling = async {
        for progress in [0.25, 0.5] {
            let update = ProgressUpdate {
                task_id: task.id.clone(),
                job_id: task.job_id.clone(),
                progress,
                message: "on the way".to_owned(),
                data: None,
                trace_context: std::collections::BTreeMap::default(),
            };
            let told = stage
                .call("progress", stage.transport.progress(update))
                .await?;
            told.or_else(failed("progress"))?;
        }
        let arrived = async || {
            let seen = stage.peer.progress(&task.job_id).await?;
            let is_last = seen.last().is_some_and(|last| (last - 0.5).abs() < 1e-6);
            Ok(is_last.then_some(()))
        };
        let what = "the last progress that the peer has is 0.5";
        stage.until(what, arrived).await
    };
    // A link is awaited all the time: it may be what writes.
    let Some(link) = &mut link else {
        return telling.await;
    };
    let listening = async {
        loop {
            if link.next().await.is_err() {
                return std::future::pending::<Check>().await;
            }
        }
    };
    tokio::select! {
        told = telling => told,
        never = listening => never,
    }
}
