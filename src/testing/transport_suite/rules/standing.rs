//! Being known, and not being known.

use crate::testing::transport_suite::peer::Peer;
use crate::testing::transport_suite::stage::{Check, Stage, broken, done, failed, report};
use crate::transport::{Availability, Standing, TransportError};

pub(super) async fn strangers<P: Peer>(stage: &Stage<P>) -> Check {
    if let Ok(Standing::Known) = stage.probe().await? {
        return broken("`probe` said `Known` before any registration");
    }
    let _ = stage.heartbeat(report(Availability::Idle)).await?;
    // It may wait for ever, and then it can be dropped.
    let limit = stage.claims.holds.max(stage.claims.answers_within / 10);
    drop(tokio::time::timeout(limit, stage.poll()).await);
    stage.register().await?;
    stage.works("after early calls and a registration").await
}

pub(super) async fn registers<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    match stage.probe().await? {
        Ok(Standing::Known) => {}
        Ok(Standing::Forgotten) => return broken("`probe` said `Forgotten` after `register`"),
        Err(error) => return failed("probe")(error),
    }
    stage.works("after a registration").await
}

pub(super) async fn registers_often<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    stage.register().await?;
    let registering = async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            stage.register().await?;
        }
        Check::Ok(stage.submit().await)
    };
    let (task, job) = tokio::join!(stage.next_task(), registering);
    let (task, job) = (task?, job?);
    if task.job_id != job {
        return broken(format!("job {} came in place of job {job}", task.job_id));
    }
    stage
        .deliver(&done(&task))
        .await?
        .or_else(failed("deliver"))?;
    stage.works("after several registrations").await
}

pub(super) async fn is_forgotten<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    stage.works("before it was forgotten").await?;
    stage.peer.forget().await?;
    if !stage.claims.registers_by_itself {
        let probe = stage.probe().await?;
        let beat = stage.heartbeat(report(Availability::Idle)).await?;
        let gone = |error: &TransportError| {
            matches!(
                error,
                TransportError::NotRegistered | TransportError::Unauthorized { .. }
            )
        };
        let by_probe = match &probe {
            Ok(standing) => *standing == Standing::Forgotten,
            Err(error) => gone(error),
        };
        let by_beat = match &beat {
            Ok(reply) => reply.forgotten,
            Err(error) => gone(error),
        };
        if !by_probe && !by_beat {
            return broken(format!(
                "`probe` said {probe:?} and `heartbeat` said {beat:?} to a forgotten worker"
            ));
        }
    }
    stage.works_again("after it was forgotten").await
}
