//! The HTTP interface of RXON 1.0b2: one function per endpoint. Polls are the same in 1.0b17.

use std::time::Instant;

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::exchange::{Body, Exchange};
use super::reply::Reply;
use super::socket;
use crate::dev::Dialect;
use crate::dev::recorder::Endpoint;
use crate::dev::state::{Beat, Claim, OpenPoll, Shared};
use crate::dev::wire::{self, ResultMessage, TaskMessage, v1_0b17};

/// Every path that is served; other paths are 404, other methods 405.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(wire::REGISTER).post(register))
        .service(web::resource(wire::RESULT).post(result))
        .service(web::resource(wire::POLL).get(poll))
        .service(web::resource(wire::HEARTBEAT).patch(heartbeat))
        .service(web::resource(wire::SOCKET).get(socket::nameless))
        .service(web::resource(wire::SOCKET_WITH_ID).get(socket::named))
        .service(web::resource(wire::TOKEN).post(token))
        .service(web::resource(wire::STATUS).get(status));
}

async fn register(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Register, None, body);
    exchange
        .run(async |exchange| {
            let message = wire::registration(&exchange.body);
            let claimed = message.as_ref().ok().map(|(id, _)| id.clone());
            if let Err(refused) = exchange.admit(claimed.as_deref()) {
                return refused;
            }
            match message {
                Ok((id, record)) => {
                    exchange.shared.change(|state| state.register(&id, record));
                    Reply::constant(wire::REGISTERED)
                }
                Err(error) => Reply::error(500, &error.to_string()),
            }
        })
        .await
}

pub(super) async fn poll(
    shared: Data<Shared>,
    request: HttpRequest,
    worker: Path<String>,
) -> HttpResponse {
    let worker = worker.into_inner();
    let body = Ok(Bytes::new());
    let exchange = Exchange::new(shared, request, Endpoint::Poll, Some(worker.clone()), body);
    exchange
        .run(async |exchange| match exchange.admit(None) {
            Ok(()) => hold(exchange, &worker).await,
            Err(refused) => refused,
        })
        .await
}

/// Holds a poll until there is a task or its time is over. The server drops this
/// when the client goes; then the poll is closed and its task queued again.
async fn hold(exchange: &Exchange, worker: &str) -> Reply {
    let time = exchange.shared.settings.poll_hold;
    let poll = OpenPoll::open(&exchange.shared, worker, Instant::now() + time);
    let mut is_over = false;
    let mut over = std::pin::pin!(actix_rt::time::sleep(time));
    loop {
        match poll.claim(|| exchange.is_open()) {
            Claim::Task(task) => return Reply::json(200, written(exchange, &task)),
            Claim::Nothing if !is_over => {}
            Claim::Nothing | Claim::Gone => return Reply::empty(),
        }
        tokio::select! {
            () = poll.wake.notified() => {}
            () = &mut over => {
                is_over = true;
                poll.last_chance();
            }
        }
    }
}

fn written(exchange: &Exchange, task: &TaskMessage) -> Bytes {
    match exchange.dialect() {
        Dialect::V1_0b2 => task.to_bytes(),
        Dialect::V1_0b17 => {
            let tampering = exchange.shared.look(|state| state.quirks.tampering);
            v1_0b17::task(task, &exchange.shared.settings.task_key, tampering)
        }
    }
}

async fn heartbeat(
    shared: Data<Shared>,
    request: HttpRequest,
    worker: Path<String>,
    body: Body,
) -> HttpResponse {
    let worker = worker.into_inner();
    let exchange = Exchange::new(
        shared,
        request,
        Endpoint::Heartbeat,
        Some(worker.clone()),
        body,
    );
    exchange
        .run(async |exchange| {
            if let Err(refused) = exchange.admit(None) {
                return refused;
            }
            let changes = match wire::members(&exchange.body) {
                Ok(changes) => changes,
                Err(error) => return Reply::error(500, &error.to_string()),
            };
            match exchange
                .shared
                .change(|state| state.heartbeat(&worker, changes))
            {
                Beat::Unknown => Reply::constant(wire::NULL),
                Beat::Renewed => Reply::constant(wire::REFRESHED),
                Beat::Record(record) => Reply::json(200, record),
            }
        })
        .await
}

async fn result(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Result, None, body);
    exchange
        .run(async |exchange| {
            let message = ResultMessage::read(&exchange.body);
            let claimed = match &message {
                Ok(message) => message.worker_id.clone(),
                Err(_) => wire::worker_hint(&exchange.body),
            };
            if let Err(refused) = exchange.admit(claimed.as_deref()) {
                return refused;
            }
            let ResultMessage {
                job, task, answer, ..
            } = match message {
                Ok(message) => message,
                Err(error) => return Reply::error(500, &error.to_string()),
            };
            match exchange
                .shared
                .change(|state| state.answer(&job, &task, answer))
            {
                Ok(()) => Reply::constant(wire::OK),
                Err(error) => Reply::error(500, &error.to_string()),
            }
        })
        .await
}

/// Access tokens are given to holders of a client certificate only, and nobody
/// has one here.
async fn token(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Token, None, Ok(Bytes::new()));
    exchange
        .run(async |exchange| match exchange.admit(None) {
            Ok(()) => Reply::error(403, "Unauthorized: mTLS certificate required"),
            Err(refused) => refused,
        })
        .await
}

async fn status(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Status, None, Ok(Bytes::new()));
    exchange.run(async |_| Reply::constant(wire::OK)).await
}
