//! What the orchestrator says by itself.

use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use tokio::time::{Instant, sleep, timeout};

use crate::task::Task;
use crate::testing::transport_suite::peer::Peer;
use crate::testing::transport_suite::stage::{
    Check, Stage, Stop, broken, failed, report_with, text,
};
use crate::transport::{CancelTarget, Command, CommandLink, Transport, TransportError};

type Link = Box<dyn CommandLink>;

async fn open<P: Peer>(stage: &Stage<P>) -> Check<Option<Link>> {
    let Some(opening) = stage.transport.open_commands() else {
        return Ok(None);
    };
    match stage.call("open_commands", opening).await? {
        Ok(link) => Ok(Some(link)),
        Err(error) => failed("open_commands")(error),
    }
}

fn means(target: &CancelTarget, task: &Task) -> bool {
    target.0 == task.id.as_str() || target.0 == task.job_id.as_str()
}

/// Whether this calls the task off. Anything else is passed over.
fn calls_off(answer: Result<Command, TransportError>, task: &Task) -> Check<bool> {
    match answer {
        Ok(Command::Cancel(target)) => Ok(means(&target, task)),
        Ok(_) => Ok(false),
        Err(error) => broken(format!("the command link ended: {error}")),
    }
}

pub(super) async fn cancels<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    let mut link = open(stage).await?;
    // It may matter that the task is known to run.
    let told = stage.heartbeat(report_with(&task)).await?;
    told.map(drop).or_else(failed("heartbeat"))?;
    stage.peer.cancel(&task.job_id).await?;
    let limit = stage.claims.answers_within;
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if let Some(link) = &mut link
            && let Ok(command) = timeout(Duration::from_millis(50), link.next()).await
            && calls_off(command, &task)?
        {
            return Ok(());
        }
        let reply = stage.heartbeat(report_with(&task)).await?;
        let reply = reply.or_else(failed("heartbeat"))?;
        if reply.cancel.iter().any(|target| means(target, &task)) {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    broken(format!(
        "no cancel of task {} within {limit:?}",
        text(&task.id)
    ))
}

pub(super) async fn survives_drops<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let Some(mut link) = open(stage).await? else {
        return Err(Stop::Cannot("the protocol has no commands".to_owned()));
    };
    for turns in 0..8_u32 {
        let task = stage.take_one().await?;
        let told = stage.heartbeat(report_with(&task)).await?;
        told.map(drop).or_else(failed("heartbeat"))?;
        stage.peer.cancel(&task.job_id).await?;
        let mut came = false;
        for _ in 0..turns {
            if came {
                break;
            }
            let mut next = link.next();
            if let Poll::Ready(command) = poll!(&mut next) {
                came = calls_off(command, &task)?;
            } else {
                // A moment later it would have been there.
                tokio::task::yield_now().await;
                if let Poll::Ready(command) = poll!(&mut next) {
                    came = calls_off(command, &task)?;
                }
            }
        }
        let limit = stage.claims.answers_within;
        while !came {
            let Ok(command) = timeout(limit, link.next()).await else {
                return broken(format!(
                    "after {turns} dropped waits no cancel came within {limit:?}"
                ));
            };
            came = calls_off(command, &task)?;
        }
        let receipt = stage
            .deliver(&crate::testing::transport_suite::stage::result(
                &task,
                crate::Outcome::Cancelled,
            ))
            .await?;
        receipt.map(drop).or_else(failed("deliver"))?;
    }
    Ok(())
}
