//! Tasks and polls.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::json::RawJson;
use crate::task::Task;
use crate::testing::transport_suite::peer::{Peer, TASK};
use crate::testing::transport_suite::stage::{Check, ORIGIN, Stage, Stop, broken, failed};
use crate::transport::{Transport, TransportError};

pub(super) async fn comes_whole<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let params = json!({
        "text": "é \" \\ \n \u{1f980}", "number": -1.5, "whole": 12, "yes": true,
        "deep": {"list": [1, [2, {"three": "3"}]], "empty": {}},
    });
    let raw = RawJson::from_serialize(&params).unwrap_or(RawJson::empty_object());
    let job = stage.peer.submit(TASK, raw).await;
    let task = stage.next_task().await?;
    if task.origin != ORIGIN {
        return broken(format!("its origin is {}, not {ORIGIN}", task.origin));
    }
    if task.name.as_str() != TASK {
        return broken(format!("its name is {:?}, not {TASK:?}", task.name));
    }
    if task.job_id != job {
        return broken(format!("its job is {}, not {job}", task.job_id));
    }
    if task.id.as_str().is_empty() {
        return broken("it has no id");
    }
    let came: Option<Value> = serde_json::from_str(task.params.as_str()).ok();
    if came.as_ref() != Some(&params) {
        let came = task.params.as_str();
        return broken(format!("its parameters are {came}, not {params}"));
    }
    Ok(())
}

pub(super) async fn is_held<P: Peer>(stage: &Stage<P>) -> Check {
    let holds = stage.claims.holds;
    if holds.is_zero() {
        return Err(Stop::Cannot("the transport does not claim it".to_owned()));
    }
    stage.register().await?;
    let began = Instant::now();
    match timeout(holds, stage.poll()).await {
        // A poll that is still open was held.
        Err(_) => Ok(()),
        Ok(Ok(None)) => broken(format!(
            "it ended without a task after {:?}, not {holds:?}",
            began.elapsed()
        )),
        Ok(Ok(Some(task))) => broken(format!("task {} came, which nobody queued", task.id)),
        Ok(Err(error)) => failed("a poll without a task")(error),
    }
}

pub(super) async fn wakes<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let later = async {
        sleep(stage.claims.holds / 4).await;
        stage.submit().await
    };
    let (task, job) = tokio::join!(stage.poll_soon(), later);
    match task? {
        Ok(Some(task)) if task.job_id == job => Ok(()),
        Ok(Some(task)) => broken(format!("job {} came in place of job {job}", task.job_id)),
        // Where polls are not held, it had ended before.
        Ok(None) if stage.claims.holds.is_zero() => stage.next_task().await.map(drop),
        Ok(None) => broken("the open poll ended without the task that came meanwhile"),
        Err(error) => failed("an open poll")(error),
    }
}

pub(super) async fn several_at_once<P: Peer>(stage: &Stage<P>) -> Check {
    if stage.claims.tasks_at_once < 2 {
        return Err(Stop::Cannot("it takes one task at a time".to_owned()));
    }
    stage.register().await?;
    let later = async {
        sleep(stage.claims.holds / 4).await;
        [stage.submit().await, stage.submit().await]
    };
    let (one, other, jobs) = tokio::join!(stage.next_task(), stage.next_task(), later);
    let (one, other) = (one?, other?);
    let mut came = [one.job_id.clone(), other.job_id.clone()];
    let mut queued = jobs;
    came.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    queued.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    if came != queued {
        return broken(format!("jobs {queued:?} were queued, but {came:?} came"));
    }
    stage.finish(&one).await?;
    stage.finish(&other).await
}

type OpenPoll<'a> = Pin<Box<dyn Future<Output = Result<Option<Task>, TransportError>> + 'a>>;

/// Drops a poll a little later each time: before the task is queued, on its way, and when
/// it is nearly there.
pub(super) async fn survives_drops<P: Peer>(stage: &Stage<P>) -> Check {
    if !stage.transport.poll_is_cancel_safe() {
        return Err(Stop::Cannot("the transport does not claim it".to_owned()));
    }
    stage.register().await?;
    for turns in 0..16_u32 {
        let mut open: OpenPoll<'_> = Box::pin(stage.poll());
        let mut came = turn(&mut open).await?;
        let job = stage.submit().await;
        for turn_number in 0..turns {
            if came.is_some() {
                break;
            }
            if turns % 2 == 0 {
                tokio::task::yield_now().await;
            } else {
                sleep(Duration::from_micros(100 * u64::from(turn_number))).await;
            }
            came = turn(&mut open).await?;
        }
        drop(open);
        let task = match came {
            Some(task) => task,
            None => match stage.next_task().await {
                Err(Stop::Broken(how)) => {
                    return broken(format!(
                        "a poll was dropped after {} looks, then: {how}",
                        turns + 1
                    ));
                }
                other => other?,
            },
        };
        if task.job_id != job {
            return broken(format!("job {} came in place of job {job}", task.job_id));
        }
        stage.finish(&task).await?;
    }
    Ok(())
}

/// Looks once whether a poll has ended.
async fn turn(open: &mut OpenPoll<'_>) -> Check<Option<Task>> {
    match poll!(open) {
        Poll::Pending => Ok(None),
        Poll::Ready(Ok(Some(task))) => Ok(Some(task)),
        Poll::Ready(Ok(None)) => broken("a poll ended without a task while one was queued"),
        Poll::Ready(Err(error)) => failed("a poll")(error),
    }
}
