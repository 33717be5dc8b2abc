//! Peers and networks that do not do what they should.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::testing::transport_suite::peer::{Cannot, Peer, Refusal, Request};
use crate::testing::transport_suite::stage::{
    Check, Stage, Stop, broken, done, failed, report, report_with,
};
use crate::transport::{Availability, ProgressUpdate, Standing, Transport, TransportError};

pub(super) async fn unreachable<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    stage.works("before").await?;
    let task = stage.take_one().await?;
    stage.peer.go_down().await?;
    if !stage.claims.registers_by_itself && stage.try_register().await?.is_ok() {
        return broken("`register` succeeded although nobody could be reached");
    }
    let _ = stage.heartbeat(report(Availability::Idle)).await?;
    // It may take a moment to notice.
    let noticed = async || {
        let probe = stage.probe().await?;
        Ok((!matches!(probe, Ok(Standing::Known))).then_some(()))
    };
    let what = "`probe` does not say `Known` while nobody can be reached";
    stage.until(what, noticed).await?;
    match stage.poll_soon().await? {
        Err(_) => {}
        Ok(Some(task)) => return broken(format!("task {} came from nobody", task.id)),
        Ok(None) => return broken("a poll was answered although nobody could be reached"),
    }
    if let Ok(receipt @ crate::transport::Receipt::Accepted) = stage.deliver(&done(&task)).await? {
        return broken(format!("{receipt:?}, although nobody could be reached"));
    }
    stage.peer.come_up().await?;
    stage.works_again("when it could be reached again").await
}

pub(super) async fn cut<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let limit = stage.claims.answers_within;
    let cutting = async {
        sleep(Duration::from_millis(50)).await;
        stage.peer.cut().await
    };
    let (ended, cut) = tokio::join!(timeout(limit, stage.poll()), cutting);
    cut?;
    match ended {
        Err(_) => return broken(format!("an open poll went on for {limit:?} after the cut")),
        Ok(Ok(Some(task))) => return broken(format!("task {} came, which nobody queued", task.id)),
        // It had just ended, or it says so.
        Ok(Ok(None) | Err(_)) => {}
    }
    stage.works_again("after the connection was cut").await
}

const REQUESTS: [Request; 5] = [
    Request::Register,
    Request::Heartbeat,
    Request::Probe,
    Request::Poll,
    Request::Deliver,
];

const SOON: Duration = Duration::from_secs(7);

const REFUSALS: [Refusal; 6] = [
    Refusal::RateLimited(SOON),
    Refusal::Unavailable,
    Refusal::Faulted,
    Refusal::Unauthorized,
    Refusal::Refused,
    Refusal::NotRegistered,
];

fn is_meant(error: &TransportError, by: Refusal) -> bool {
    match (by, error) {
        (Refusal::RateLimited(told), TransportError::RateLimited { retry_after }) => {
            retry_after.is_none_or(|after| after == told)
        }
        (Refusal::Unavailable, TransportError::Unavailable { .. })
        | (Refusal::Faulted, TransportError::Faulted { .. })
        | (Refusal::Unauthorized, TransportError::Unauthorized { .. })
        | (Refusal::Refused, TransportError::Refused { .. })
        | (Refusal::NotRegistered, TransportError::NotRegistered) => true,
        _ => false,
    }
}

/// Makes a request and drops what comes of it but errors. A poll that nobody refuses
/// brings a task.
async fn make<P: Peer>(
    stage: &Stage<P>,
    request: Request,
    task: &crate::Task,
) -> Check<Result<(), TransportError>> {
    Ok(match request {
        Request::Register => stage.try_register().await?,
        Request::Heartbeat => stage.heartbeat(report_with(task)).await?.map(drop),
        Request::Probe => stage.probe().await?.map(drop),
        Request::Poll => stage.poll_soon().await?.map(drop),
        Request::Deliver => stage.deliver(&done(task)).await?.map(drop),
    })
}

pub(super) async fn refusals<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    let (mut checked, mut why) = (0, "");
    for request in REQUESTS {
        for refusal in REFUSALS {
            if let Err(Cannot(reason)) = stage.peer.refuse_next(request, refusal).await {
                why = reason;
                continue;
            }
            checked += 1;
            match make(stage, request, &task).await? {
                Err(error) if is_meant(&error, refusal) => {}
                Err(error) => {
                    return broken(format!(
                        "{request:?} was answered {refusal:?}, and is {error:?}"
                    ));
                }
                Ok(()) => {
                    return broken(format!(
                        "{request:?} was answered {refusal:?}, and succeeded"
                    ));
                }
            }
        }
    }
    if checked == 0 {
        return Err(Stop::Cannot(why.to_owned()));
    }
    stage.register_again().await?;
    stage.finish(&task).await?;
    stage.works("after refusals").await
}

pub(super) async fn garbled<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    let (mut checked, mut why) = (0, "");
    for request in REQUESTS {
        if let Err(Cannot(reason)) = stage.peer.garble_next(request).await {
            why = reason;
            continue;
        }
        checked += 1;
        let answer = make(stage, request, &task).await?;
        // Where a status says it all, the rest of the answer is not looked at.
        if answer.is_ok() && matches!(request, Request::Poll | Request::Probe) {
            return broken(format!("{request:?} succeeded with a garbled answer"));
        }
    }
    if checked == 0 {
        return Err(Stop::Cannot(why.to_owned()));
    }
    stage.register_again().await?;
    let finished = stage.deliver(&done(&task)).await?;
    finished.map(drop).or_else(failed("deliver"))?;
    stage.works("after garbled answers").await
}

pub(super) async fn unreadable<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let job = stage
        .peer
        .submit_unreadable(super::super::peer::TASK)
        .await?;
    match stage.poll_soon().await? {
        Err(
            TransportError::Malformed {
                task: Some(ids), ..
            }
            | TransportError::CutOff { task: ids, .. },
        ) if ids.1 == job => Ok(()),
        Err(error) => broken(format!("job {job} is not named: {error:?}")),
        Ok(task) => broken(format!("it was read: {task:?}")),
    }
}

pub(super) async fn silent<P: Peer>(stage: &Stage<P>) -> Check {
    stage.register().await?;
    let task = stage.take_one().await?;
    stage.peer.go_silent().await?;
    let _ = stage.heartbeat(report_with(&task)).await?;
    let _ = stage.probe().await?;
    let update = ProgressUpdate {
        task_id: task.id.clone(),
        job_id: task.job_id.clone(),
        progress: 0.5,
        message: String::new(),
        data: None,
        trace_context: std::collections::BTreeMap::default(),
    };
    let _ = stage
        .call("progress", stage.transport.progress(update))
        .await?;
    let _ = stage.deliver(&done(&task)).await?;
    if !stage.claims.registers_by_itself {
        let _ = stage.try_register().await?;
    }
    // One that can be dropped may wait for ever.
    if !stage.transport.poll_is_cancel_safe() {
        let _ = stage.poll_soon().await?;
    }
    Ok(())
}

pub(super) async fn secrets<P: Peer>(stage: &Stage<P>) -> Check {
    let secrets = stage.peer.secrets();
    if secrets.is_empty() {
        return Err(Stop::Cannot("the peer names no secrets".to_owned()));
    }
    let mut shown = vec![format!("{:?}", stage.transport)];
    stage.register().await?;
    let task = stage.take_one().await?;
    // As much trouble as the peer can make.
    for request in REQUESTS {
        for refusal in [Refusal::Unauthorized, Refusal::Refused] {
            if stage.peer.refuse_next(request, refusal).await.is_ok() {
                let _ = make(stage, request, &task).await?;
            }
        }
        if stage.peer.garble_next(request).await.is_ok() {
            let _ = make(stage, request, &task).await?;
        }
    }
    if stage.peer.go_down().await.is_ok() {
        let _ = stage.probe().await?;
        let _ = stage.deliver(&done(&task)).await?;
    }
    shown.push(format!("{:#?}", stage.transport));
    shown.extend(stage.said.take());
    for text in shown {
        if secrets.iter().any(|secret| text.contains(secret.as_str())) {
            let hidden = secrets.iter().fold(text, |text, secret| {
                text.replace(secret.as_str(), "<secret>")
            });
            return broken(format!("a secret is shown in: {hidden}"));
        }
    }
    Ok(())
}
