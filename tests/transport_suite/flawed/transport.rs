//! The transport in memory with a flaw.

use std::cell::Cell;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axon_worker::transport::memory::Memory;
use axon_worker::transport::{
    BeatReply, Command, CommandLink, Offer, OpeningCommands, ProgressUpdate, Receipt, Report,
    Standing, Transport, TransportError, WorkerCard,
};
use axon_worker::{OrchestratorId, Outcome, RawJson, Reply, Task, TaskError, TaskResult};
use futures_util::future::LocalBoxFuture;

use super::{Answer, Flaw, SECRET};
use crate::memory::InMemory;

/// The transport in memory with a flaw.
pub struct Flawed {
    inner: Memory,
    peer: InMemory,
    flaw: Flaw,
    registered: Cell<bool>,
    delivered: Cell<bool>,
    polling: Cell<bool>,
}

impl fmt::Debug for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Flawed");
        if self.flaw == Flaw::DebugShowsToken {
            shown.field("token", &SECRET);
        }
        shown.finish_non_exhaustive()
    }
}

impl Flawed {
    pub fn new(inner: Memory, peer: InMemory, flaw: Flaw) -> Self {
        Self {
            inner,
            peer,
            flaw,
            registered: Cell::default(),
            delivered: Cell::default(),
            polling: Cell::default(),
        }
    }

    /// A silent peer takes the request's whole time.
    async fn wait_out(&self) -> Result<(), TransportError> {
        if self.peer.is_silent.get() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let reason = "nothing came within a second".to_owned();
            return Err(TransportError::NoAnswer { reason });
        }
        Ok(())
    }

    fn spoil<T>(&self, answer: Result<T, TransportError>) -> Result<T, TransportError> {
        answer.map_err(|error| match (self.flaw, error) {
            (Flaw::AllRefusedAlike, TransportError::RateLimited { .. }) => {
                let reason = "429".to_owned();
                TransportError::Refused { reason }
            }
            (Flaw::ErrorsShowToken, TransportError::Unauthorized { reason }) => {
                let reason = format!("{reason}: token {SECRET}");
                TransportError::Unauthorized { reason }
            }
            (Flaw::GarbledPanics, TransportError::Malformed { task: None, .. }) => {
                panic!("unexpected token < at 0")
            }
            (Flaw::UnreadableUnnamed, TransportError::Malformed { reason, .. }) => {
                TransportError::Malformed { reason, task: None }
            }
            (_, error) => error,
        })
    }
}

impl Transport for Flawed {
    fn register(&self, card: Arc<WorkerCard>, report: Report) -> Answer<'_, ()> {
        Box::pin(async {
            self.wait_out().await?;
            if self.flaw == Flaw::ForgetsToRegister {
                return Ok(());
            }
            if self.flaw == Flaw::RegistersOnce && self.registered.get() {
                let reason = "there is such a worker already".to_owned();
                return Err(TransportError::Refused { reason });
            }
            let answer = self.spoil(self.inner.register(card, report).await);
            match answer {
                Err(TransportError::Unreachable { .. }) if self.flaw == Flaw::DownIsFine => Ok(()),
                Ok(()) => {
                    self.registered.set(true);
                    Ok(())
                }
                other => other,
            }
        })
    }

    fn heartbeat(&self, report: Report) -> Answer<'_, BeatReply> {
        Box::pin(async {
            self.wait_out().await?;
            match self.flaw {
                Flaw::NoHeartbeats => return Ok(BeatReply::default()),
                // It means well, and says that it is idle, always.
                Flaw::ForgottenUnnoticed => {
                    let mut reply = self.spoil(self.inner.heartbeat(report).await)?;
                    reply.forgotten = false;
                    return Ok(reply);
                }
                _ => {}
            }
            let mut reply = self.spoil(self.inner.heartbeat(report).await)?;
            if self.flaw == Flaw::NoCancels {
                reply.cancel.clear();
            }
            Ok(reply)
        })
    }

    fn probe(&self) -> Answer<'_, Standing> {
        Box::pin(async {
            self.wait_out().await?;
            if self.flaw == Flaw::KnowsStrangers {
                return Ok(Standing::Known);
            }
            let standing = self.spoil(self.inner.probe().await)?;
            let forgets = self.flaw == Flaw::ForgottenUnnoticed && self.registered.get();
            Ok(if forgets { Standing::Known } else { standing })
        })
    }

    fn poll(&self, offer: Offer) -> Answer<'_, Option<Task>> {
        Box::pin(async {
            self.wait_out().await?;
            let panics = self.flaw == Flaw::PanicsBeforeRegistration;
            assert!(!panics || self.registered.get(), "nobody has registered");
            if self.flaw == Flaw::OnePollAtATime && self.polling.replace(true) {
                return pending().await;
            }
            let poll = self.inner.poll(offer);
            let answer = match self.flaw {
                Flaw::PollsNotHeld => {
                    let soon = Duration::from_millis(20);
                    tokio::time::timeout(soon, poll).await.unwrap_or(Ok(None))
                }
                // It looks now and then, and its polls end in between.
                Flaw::PollsSleepTooLong => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return Ok(None);
                }
                _ => poll.await,
            };
            let answer = match (self.flaw, answer) {
                (Flaw::CutsUnnoticed, Err(TransportError::NoAnswer { .. })) => pending().await,
                (Flaw::DownIsFine, Err(TransportError::Unreachable { .. }))
                | (Flaw::GarbledIsNothing, Err(TransportError::Malformed { .. })) => Ok(None),
                (_, answer) => self.spoil(answer),
            };
            self.polling.set(false);
            let Some(mut task) = answer? else {
                return Ok(None);
            };
            match self.flaw {
                Flaw::DropsLoseTasks => tokio::task::yield_now().await,
                Flaw::ParamsChanged => task.params = RawJson::empty_object(),
                Flaw::WrongOrigin => task.origin = OrchestratorId(0),
                _ => {}
            }
            Ok(Some(task))
        })
    }

    fn poll_is_cancel_safe(&self) -> bool {
        true
    }

    fn deliver(&self, result: Arc<TaskResult>) -> Answer<'_, Receipt> {
        Box::pin(async move {
            if self.flaw == Flaw::DeliveryHangs && self.peer.is_silent.get() {
                return pending().await;
            }
            self.wait_out().await?;
            let is_second = self.delivered.replace(true);
            let mut result = result;
            match self.flaw {
                Flaw::ResultsKept => return Ok(Receipt::Accepted),
                Flaw::SecondResultFails if is_second => {
                    let reason = "it came before".to_owned();
                    return Err(TransportError::Refused { reason });
                }
                Flaw::SecondResultCounts if is_second => {
                    // The newest result of a job is in front.
                    let failure = Outcome::Failed(TaskError::transient("came twice"));
                    let mut newer = (*result).clone();
                    newer.outcome = failure;
                    self.peer.orchestrator.clear_history();
                    result = Arc::new(newer);
                }
                Flaw::DataLost => {
                    let mut empty = (*result).clone();
                    if let Outcome::Completed(_) = empty.outcome {
                        empty.outcome = Outcome::Completed(Reply::success(&()).expect("JSON"));
                    }
                    result = Arc::new(empty);
                }
                Flaw::FailuresSucceed => {
                    let mut good = (*result).clone();
                    if let Outcome::Failed(_) = good.outcome {
                        good.outcome = Outcome::Completed(Reply::success(&()).expect("JSON"));
                    }
                    result = Arc::new(good);
                }
                _ => {}
            }
            let answer = self.inner.deliver(result).await;
            match (self.flaw, answer) {
                (Flaw::LostResultsAccepted, Err(TransportError::Unreachable { .. })) => {
                    Ok(Receipt::Accepted)
                }
                (_, answer) => self.spoil(answer),
            }
        })
    }

    fn progress(&self, update: ProgressUpdate) -> Answer<'_, ()> {
        Box::pin(async {
            self.wait_out().await?;
            if self.flaw == Flaw::NoProgress {
                return Ok(());
            }
            self.inner.progress(update).await
        })
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        let opening = self.inner.open_commands()?;
        let flaw = self.flaw;
        Some(Box::pin(async move {
            let inner = opening.await?;
            Ok(Box::new(FlawedLink { inner, flaw }) as Box<dyn CommandLink>)
        }))
    }
}

struct FlawedLink {
    inner: Box<dyn CommandLink>,
    flaw: Flaw,
}

impl CommandLink for FlawedLink {
    fn next(&mut self) -> Answer<'_, Command> {
        Box::pin(async {
            let command = self.inner.next().await?;
            match self.flaw {
                Flaw::NoCancels => pending().await,
                Flaw::DropsLoseCommands => {
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                    Ok(command)
                }
                _ => Ok(command),
            }
        })
    }

    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        self.inner.close()
    }
}
