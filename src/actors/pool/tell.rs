//! What running tasks tell their orchestrator, and what they ask of it: progress,
//! events, and calls of skills.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{OrchestratorPool, guarded};
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{COUNTED_PROGRESS_INTERVAL, Next, PROGRESS_INTERVAL, Teller, Waiting};
use crate::transport::{SkillCall, Transport, TransportError};

/// How long progress keeps quiet after a rate limit that says no time. Longer than the
/// window of avtomatika (60 s), which each further request would renew.
const QUIET: Duration = Duration::from_secs(65);

/// Send what is in there, until it is empty.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Tell(pub(crate) Arc<Teller>);

/// Call a skill through an orchestrator, for at most this time.
#[derive(Debug, Message)]
#[rtype(result = "Result<RawJson, TransportError>")]
pub(crate) struct CallSkill {
    pub(crate) origin: OrchestratorId,
    pub(crate) call: SkillCall,
    pub(crate) within: Duration,
}

impl Handler<Tell> for OrchestratorPool {
    type Result = ();

    fn handle(&mut self, Tell(teller): Tell, _: &mut Self::Context) {
        let transport = self.session(teller.origin).transport();
        actix_rt::spawn(async move { run(&teller, &*transport).await });
    }
}

/// Sends one thing at a time, so that they arrive in order.
async fn run(teller: &Teller, transport: &dyn Transport) {
    loop {
        let interval = if transport.habits().counts_requests {
            COUNTED_PROGRESS_INTERVAL
        } else {
            PROGRESS_INTERVAL
        };
        match teller.next(Instant::now(), interval) {
            Next::Event(waiting) => {
                let Waiting {
                    event,
                    answer: asker,
                    place,
                } = *waiting;
                let name = event.name.clone();
                let answer = guarded(transport.event(event)).await;
                drop(place);
                match (asker, &answer) {
                    (Some(asker), _) => drop(asker.send(answer)),
                    (None, Err(error)) => warn!(event = %name, %error, "event was not delivered"),
                    (None, Ok(_)) => {}
                }
            }
            Next::Progress(update) => {
                let sent = guarded(transport.progress(update.clone())).await;
                if let Err(error) = sent {
                    debug!(%error, "progress was not delivered");
                    if let TransportError::RateLimited { retry_after } = error {
                        let quiet = retry_after.unwrap_or_default().max(QUIET);
                        teller.keep_quiet(Instant::now() + quiet, update);
                    }
                }
            }
            Next::Wait(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = teller.woken() => {}
            },
            Next::Nothing => return,
        }
    }
}

impl Handler<CallSkill> for OrchestratorPool {
    type Result = ResponseFuture<Result<RawJson, TransportError>>;

    fn handle(&mut self, request: CallSkill, _: &mut Self::Context) -> Self::Result {
        let CallSkill {
            origin,
            call,
            within,
        } = request;
        let transport = self.session(origin).transport();
        Box::pin(async move {
            let reply = guarded(transport.call_skill(call));
            let in_time = tokio::time::timeout(within, reply).await;
            in_time.unwrap_or_else(|_| {
                Err(TransportError::NoAnswer {
                    reason: format!("nothing came within {within:?}"),
                })
            })
        })
    }
}
