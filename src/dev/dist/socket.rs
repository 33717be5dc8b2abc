//! One connection of a worker.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, Session};
use prost::Message as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::oddity::Oddity;
use super::state::{DistEvent, Shared, State, ToWorker};
use crate::transport::distworker::wire;
use crate::transport::distworker::wire::messages::{
    Envelope, Payload as Said, WorkerRegister, WorkerRegisterResponse,
};

/// The real controller has none.
const MESSAGE_LIMIT: usize = 128 << 20;

/// How long a worker has to answer a close frame.
const CLOSE_HANDSHAKE: Duration = Duration::from_secs(2);

pub(super) async fn upgrade(
    shared: Data<Shared>,
    request: HttpRequest,
    stream: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let is_unavailable = shared.change(|state| {
        let is_unavailable = state.unavailable > 0;
        state.unavailable -= usize::from(is_unavailable);
        is_unavailable
    });
    if is_unavailable {
        return Ok(HttpResponse::ServiceUnavailable().finish());
    }
    let (response, session, messages) = actix_ws::handle(&request, stream)?;
    let messages = messages
        .max_frame_size(MESSAGE_LIMIT)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_LIMIT);
    let (tell, told) = unbounded_channel();
    let shared = shared.into_inner();
    let number = shared.change(|state| state.opened(tell));
    actix_rt::spawn(async move {
        let mut socket = Socket {
            shared: shared.clone(),
            number,
            session: Some(session),
            messages,
            is_registered: false,
            has_ended_one: false,
        };
        let code = socket.serve(told).await;
        shared.change(|state| state.gone(number, code));
    });
    Ok(response)
}

struct Socket {
    shared: Arc<Shared>,
    number: usize,
    /// Dropping it ends the stream without a close frame.
    session: Option<Session>,
    messages: AggregatedMessageStream,
    is_registered: bool,
    has_ended_one: bool,
}

/// The connection is over, with this close code of the worker's if there was one.
struct Over(Option<u16>);

impl From<actix_ws::Closed> for Over {
    fn from(_: actix_ws::Closed) -> Self {
        Self(None)
    }
}

impl Socket {
    async fn serve(&mut self, mut told: UnboundedReceiver<ToWorker>) -> Option<u16> {
        let Err(Over(code)) = self.until_over(&mut told).await;
        code
    }

    fn session(&mut self) -> Result<&mut Session, Over> {
        self.session.as_mut().ok_or(Over(None))
    }

    async fn until_over(
        &mut self,
        told: &mut UnboundedReceiver<ToWorker>,
    ) -> Result<std::convert::Infallible, Over> {
        let (every, cut_after) = (self.shared.ping_every, self.shared.cut_after);
        self.session()?.ping(b"").await?;
        let mut next_ping = Instant::now() + every;
        let mut cut_at = Instant::now() + cut_after;
        loop {
            tokio::select! {
                biased;
                message = self.messages.recv() => {
                    let Some(Ok(message)) = message else { return Err(Over(None)) };
                    // Pings of the worker do not count (v0.0.6).
                    if !matches!(message, AggregatedMessage::Ping(_)) {
                        cut_at = Instant::now() + cut_after;
                    }
                    self.take(message).await?;
                }
                Some(what) = told.recv() => self.tell(what).await?,
                // A worker that says goodbye behind its result is no more asked.
                () = std::future::ready(()), if self.has_ended_one => {
                    self.has_ended_one = false;
                    self.shared.change(State::assign);
                }
                () = sleep_until(next_ping) => {
                    self.session()?.ping(b"").await?;
                    next_ping = Instant::now() + every;
                }
                () = sleep_until(cut_at) => return Err(Over(None)),
            }
        }
    }

    async fn take(&mut self, message: AggregatedMessage) -> Result<(), Over> {
        match message {
            AggregatedMessage::Binary(bytes) if self.is_registered => {
                self.shared.change(|state| state.said(self.number, &bytes));
                self.has_ended_one = true;
                Ok(())
            }
            AggregatedMessage::Binary(bytes) => self.register(bytes).await,
            // Before the registration, anything else ends the connection.
            AggregatedMessage::Text(_) if !self.is_registered => Err(Over(None)),
            AggregatedMessage::Ping(bytes) => Ok(self.session()?.pong(&bytes).await?),
            AggregatedMessage::Text(_) | AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(reason) => {
                let code = reason.as_ref().map(|reason| reason.code.into());
                if let Some(session) = self.session.take() {
                    // The worker may not wait for the answer.
                    let _ = session.close(reason).await;
                }
                Err(Over(code))
            }
        }
    }

    async fn register(&mut self, bytes: Bytes) -> Result<(), Over> {
        let admitted = match registration(bytes) {
            Some(register) => self.shared.admit(&register),
            None => Err("no registration"),
        };
        let (worker_id, about) = match admitted {
            Ok(admitted) => admitted,
            Err(reason) => {
                let refused = DistEvent::Refused(reason);
                self.shared.change(|state| state.events.push(refused));
                return Err(Over(None));
            }
        };
        let (idle_time, late) = self
            .shared
            .change(|state| (state.idle_time, state.late.take()));
        self.is_registered = true;
        let response = WorkerRegisterResponse { idle_time };
        let response = wire::write(Said::WorkerRegisterResponse(response));
        if late.is_none() {
            self.session()?.binary(response.clone()).await?;
        }
        let number = self.number;
        self.shared
            .change(|state| state.registered_as(number, worker_id, about));
        if let Some(by) = late {
            // Meanwhile an assignment may go out, if one waits.
            let shared = self.shared.clone();
            actix_rt::spawn(async move {
                actix_rt::time::sleep(by).await;
                let late = ToWorker::Message(response);
                shared.change(|state| state.tell_one(number, late));
            });
        }
        Ok(())
    }

    async fn tell(&mut self, what: ToWorker) -> Result<(), Over> {
        match what {
            ToWorker::Message(bytes) => Ok(self.session()?.binary(bytes).await?),
            ToWorker::Odd(Oddity::Text) => {
                let text = String::from_utf8_lossy(&Oddity::Text.bytes()).into_owned();
                Ok(self.session()?.text(text).await?)
            }
            ToWorker::Odd(oddity) => Ok(self.session()?.binary(oddity.bytes()).await?),
            ToWorker::Drop => Err(Over(None)),
            ToWorker::Silence => {
                self.shared.change(|state| state.silenced += 1);
                std::future::pending().await
            }
            ToWorker::Close(code) => {
                let reason = CloseReason {
                    code,
                    description: None,
                };
                if let Some(session) = self.session.take() {
                    session.close(Some(reason)).await?;
                }
                let answer = async {
                    while let Some(Ok(message)) = self.messages.recv().await {
                        if matches!(message, AggregatedMessage::Close(_)) {
                            return;
                        }
                    }
                };
                let _ = tokio::time::timeout(CLOSE_HANDSHAKE, answer).await;
                Err(Over(None))
            }
        }
    }
}

/// The first message of a connection, if it is the right one.
fn registration(bytes: Bytes) -> Option<WorkerRegister> {
    let envelope = Envelope::decode(bytes).ok()?;
    match envelope.payload {
        Some(Said::WorkerRegister(register)) => Some(register),
        _ => None,
    }
}
