//! The WebSocket: commands out, progress in.

use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::events;
use super::exchange::Exchange;
use super::reply::Reply;
use crate::dev::Dialect;
use crate::dev::recorder::Endpoint;
use crate::dev::state::{Shared, ToSocket};
use crate::dev::wire::{self, Progress};

/// The largest message that is taken, as in the real orchestrator.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

pub(super) async fn nameless(
    shared: Data<Shared>,
    request: HttpRequest,
    stream: Payload,
) -> HttpResponse {
    accept(shared, request, None, stream).await
}

pub(super) async fn named(
    shared: Data<Shared>,
    request: HttpRequest,
    worker: Path<String>,
    stream: Payload,
) -> HttpResponse {
    accept(shared, request, Some(worker.into_inner()), stream).await
}

async fn accept(
    shared: Data<Shared>,
    request: HttpRequest,
    worker: Option<String>,
    stream: Payload,
) -> HttpResponse {
    let key = worker
        .clone()
        .unwrap_or_else(|| wire::NAMELESS_SOCKET.to_owned());
    let state = Data::clone(&shared);
    let handshake = request.clone();
    let mut upgrade = None;
    let exchange = Exchange::new(shared, request, Endpoint::Socket, worker, Ok(Bytes::new()));
    let response = exchange
        .run(async |exchange| {
            if let Err(refused) = exchange.admit(None) {
                return refused;
            }
            match actix_ws::handle(&handshake, stream) {
                Ok((response, session, messages)) => {
                    let messages = messages
                        .max_frame_size(MESSAGE_LIMIT)
                        .aggregate_continuations()
                        .max_continuation_size(MESSAGE_LIMIT);
                    upgrade = Some((response, session, messages));
                    Reply::json(101, Bytes::new())
                }
                Err(error) => Reply::text(400, error.to_string()),
            }
        })
        .await;
    let Some((response_to_upgrade, session, messages)) = upgrade else {
        return response;
    };
    let (tell, told) = unbounded_channel();
    let id = state.change(|state| state.open_socket(&key, tell));
    let shared = state.into_inner();
    actix_rt::spawn(async move {
        converse(&shared, &key, session, messages, told).await;
        shared.change(|state| state.close_socket(&key, id));
    });
    response_to_upgrade
}

/// Runs until either side has closed.
async fn converse(
    shared: &Shared,
    worker: &str,
    mut session: Session,
    mut messages: AggregatedMessageStream,
    mut told: UnboundedReceiver<ToSocket>,
) {
    let reason = loop {
        let sent = tokio::select! {
            message = messages.recv() => match message {
                Some(Ok(AggregatedMessage::Text(text))) => {
                    hear(shared, worker, &text);
                    Ok(())
                }
                Some(Ok(AggregatedMessage::Ping(bytes))) => session.pong(&bytes).await,
                Some(Ok(AggregatedMessage::Close(reason))) => {
                    // The client may not wait for the answer.
                    let _ = session.close(reason).await;
                    return;
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(_)) | None => return,
            },
            told = told.recv() => match told {
                Some(ToSocket::Text(text)) => session.text(text).await,
                Some(ToSocket::Replaced) => {
                    break closing(CloseCode::Policy, "New connection established");
                }
                Some(ToSocket::ShutDown) | None => {
                    break closing(CloseCode::Away, "Server shutdown");
                }
            },
        };
        if sent.is_err() {
            return;
        }
    };
    if session.close(Some(reason)).await.is_ok() {
        // Until the client has answered, so that it does get to see the reason.
        while let Some(Ok(message)) = messages.recv().await {
            if matches!(message, AggregatedMessage::Close(_)) {
                return;
            }
        }
    }
}

/// Nothing that a worker says is answered, right or wrong.
fn hear(shared: &Shared, worker: &str, text: &str) {
    match shared.settings.dialect() {
        Dialect::V1_0b2 => {
            if let Some(progress) = Progress::read(text) {
                shared.change(|state| state.progress(progress));
            }
        }
        Dialect::V1_0b17 => drop(events::take(shared, worker, text.as_bytes(), true)),
    }
}

fn closing(code: CloseCode, reason: &str) -> CloseReason {
    CloseReason {
        code,
        description: Some(reason.to_owned()),
    }
}
