//! Results on their way out.

use serde_json::Value;

use crate::task::{ErrorCode, Interruption, Outcome, TaskError};
use crate::testing::transport_suite::peer::{Peer, SeenResult};
use crate::testing::transport_suite::stage::{
    Check, Stage, Stop, broken, data, done, failed, result,
};
use crate::transport::{Receipt, TransportError};

pub(super) async fn arrive<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    accepted(stage.deliver(&done(&task)).await?)?;
    let seen = stage.result_of(&task.job_id).await?;
    let expected: Value = serde_json::from_str(data().as_str()).unwrap_or_default();
    if seen.status != "success" || seen.data != expected {
        return broken(format!("a success with {expected} arrived as {seen:?}"));
    }

    let task = stage.take_one().await?;
    let failure = TaskError::new(ErrorCode::InvalidInput, "as the suite wants it");
    let failure = result(&task, Outcome::Failed(failure));
    accepted(stage.deliver(&failure).await?)?;
    let seen = stage.result_of(&task.job_id).await?;
    if seen.status != "failure" || !seen.error.contains("as the suite wants it") {
        return broken(format!("a failure arrived as {seen:?}"));
    }

    let task = stage.take_one().await?;
    accepted(stage.deliver(&result(&task, Outcome::Cancelled)).await?)?;
    let seen = stage.result_of(&task.job_id).await?;
    if seen.status != "cancelled" {
        return broken(format!("a cancelled task arrived as {seen:?}"));
    }

    // Whatever the protocol calls it. The orchestrator may hand the task out again, so there
    // need not be a result.
    let task = stage.take_one().await?;
    let interrupted = Outcome::Interrupted(Interruption::ShutDown);
    accepted(stage.deliver(&result(&task, interrupted)).await?)
}

fn accepted(receipt: Result<Receipt, TransportError>) -> Check {
    match receipt {
        Ok(Receipt::Accepted) => Ok(()),
        Ok(other) => broken(format!("the first delivery was answered with {other:?}")),
        Err(error) => failed("deliver")(error),
    }
}

pub(super) async fn twice<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    let result = done(&task);
    accepted(stage.deliver(&result).await?)?;
    let first: SeenResult = stage.result_of(&task.job_id).await?;
    for _ in 0..2 {
        let again = stage.deliver(&result).await?;
        again.or_else(failed("delivering a result again"))?;
    }
    let then = stage.result_of(&task.job_id).await?;
    if then != first {
        return broken(format!("the result was {first:?}, then {then:?}"));
    }
    stage.works("after a result came again").await
}

pub(super) async fn wait_for_peer<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    let result = done(&task);
    stage.peer.go_down().await?;
    match stage.deliver(&result).await? {
        Err(
            TransportError::Unreachable { .. }
            | TransportError::NoAnswer { .. }
            | TransportError::Unavailable { .. }
            | TransportError::NotRegistered,
        ) => {}
        Ok(Receipt::Lost(why)) => {
            let why = format!("the protocol takes no result over another connection: {why}");
            return Err(Stop::Cannot(why));
        }
        Ok(receipt) => {
            return broken(format!("{receipt:?}, although nobody could be reached"));
        }
        Err(error) => return broken(format!("an error that is not worth a retry: {error}")),
    }
    stage.peer.come_up().await?;
    stage.register_again().await?;
    let again = stage.deliver(&result).await?;
    again.or_else(failed("delivering when the peer was back"))?;
    stage.result_of(&task.job_id).await.map(drop)
}
