//! The HTTP interface of RXON 1.0b17: one function per endpoint.

use std::time::Instant;

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::events::{self, believe, members};
use super::exchange::{Body, Exchange};
use super::reply::Reply;
use super::{routes, socket};
use crate::dev::recorder::Endpoint;
use crate::dev::state::{Beat, Shared, Taken};
use crate::dev::wire::{self, v1_0b17};
use crate::transport::rxon::security::MessageKind;

/// Every path that is served; other paths are 404, other methods 405.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(wire::REGISTER).post(register))
        .service(web::resource(wire::RESULT).post(result))
        .service(web::resource(wire::POLL).get(routes::poll))
        .service(web::resource(wire::HEARTBEAT).patch(heartbeat))
        .service(web::resource(v1_0b17::EVENTS).post(event))
        .service(web::resource(wire::SOCKET_WITH_ID).get(socket::named))
        .service(web::resource(wire::TOKEN).post(token))
        .service(web::resource(v1_0b17::TOKEN_REFRESH).post(refresh))
        .service(web::resource(wire::STATUS).get(status));
}

/// Who is asking, once it has been let in.
fn asking(exchange: &Exchange) -> String {
    exchange.worker.clone().unwrap_or_default()
}

async fn register(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Register, None, body);
    exchange
        .run(async |exchange| registered(exchange).unwrap_or_else(|refused| refused))
        .await
}

fn registered(exchange: &mut Exchange) -> Result<Reply, Reply> {
    let message = members(&exchange.body);
    let claimed = wire::worker_hint(&exchange.body);
    exchange.admit(claimed.as_deref())?;
    let message = message?;
    let worker = asking(exchange);
    let id = message.get("worker_id").and_then(Value::as_str);
    let id =
        id.ok_or_else(|| Reply::error(400, "Missing or invalid worker_id in registration data"))?;
    if id != worker {
        return Err(Reply::error(403, "Immediate sender ID mismatch"));
    }
    let (shared, body) = (&exchange.shared, &exchange.body);
    believe(shared, &message, body, MessageKind::Registration, &worker)?;
    let record = v1_0b17::record(id, &message).map_err(|error| Reply::error(400, &error))?;
    shared.change(|state| state.register(id, record));
    let theirs = exchange.header(wire::VERSION_HEADER);
    Ok(Reply::json(200, v1_0b17::registered(theirs)))
}

async fn heartbeat(
    shared: Data<Shared>,
    request: HttpRequest,
    worker: Path<String>,
    body: Body,
) -> HttpResponse {
    let worker = Some(worker.into_inner());
    let exchange = Exchange::new(shared, request, Endpoint::Heartbeat, worker, body);
    exchange
        .run(async |exchange| beaten(exchange).unwrap_or_else(|refused| refused))
        .await
}

fn beaten(exchange: &mut Exchange) -> Result<Reply, Reply> {
    exchange.admit(None)?;
    let worker = asking(exchange);
    let (shared, body) = (&exchange.shared, &exchange.body);
    let changes = match &**body {
        [] => None,
        body => Some(members(body)?).filter(|changes| !changes.is_empty()),
    };
    let Some(mut changes) = changes else {
        // Needs the token only, no signature.
        return Ok(
            match shared.change(|state| state.heartbeat(&worker, None)) {
                Beat::Unknown => Reply::constant(wire::NULL),
                Beat::Renewed | Beat::Record(_) => Reply::constant(v1_0b17::REFRESHED),
            },
        );
    };
    believe(shared, &changes, body, MessageKind::Heartbeat, &worker)?;
    v1_0b17::drop_nulls(&mut changes);
    let reply = shared.change(|state| state.heartbeat_1_0b17(&worker, changes));
    Ok(Reply::json(200, reply.to_bytes()))
}

async fn result(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Result, None, body);
    exchange
        .run(async |exchange| answered(exchange).unwrap_or_else(|refused| refused))
        .await
}

fn answered(exchange: &mut Exchange) -> Result<Reply, Reply> {
    let message = members(&exchange.body);
    let claimed = wire::worker_hint(&exchange.body);
    exchange.admit(claimed.as_deref())?;
    let message = message?;
    let worker = asking(exchange);
    let (shared, body) = (&exchange.shared, &exchange.body);
    believe(shared, &message, body, MessageKind::Result, &worker)?;
    let message = v1_0b17::result(&message).map_err(|error| Reply::error(400, &error))?;
    if let Some(other) = message.worker_id.as_ref().filter(|id| **id != worker) {
        let text = format!(
            "Forbidden: Authenticated worker '{worker}' cannot submit results for another worker \
             '{other}'."
        );
        return Err(Reply::error(403, &text));
    }
    let taken = shared.change(|state| state.answer_1_0b17(&worker, message));
    Ok(match taken {
        Ok(Taken::Accepted(transition)) => Reply::json(200, v1_0b17::accepted(transition)),
        Ok(Taken::Ignored(reason, text)) => Reply::json(200, v1_0b17::ignored(reason, &text)),
        Err(error) => Reply::error(500, &error.to_string()),
    })
}

async fn event(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Event, None, body);
    exchange
        .run(async |exchange| {
            let claimed = wire::worker_hint(&exchange.body);
            if let Err(refused) = exchange.admit(claimed.as_deref()) {
                return refused;
            }
            let worker = asking(exchange);
            events::take(&exchange.shared, &worker, &exchange.body, false)
        })
        .await
}

/// Any credential that is accepted will do.
async fn token(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Token, None, Ok(Bytes::new()));
    exchange
        .run(async |exchange| match exchange.admit(None) {
            Ok(()) => issue(exchange),
            Err(refused) => refused,
        })
        .await
}

/// Needs no valid access token: the refresh token is looked at.
async fn refresh(shared: Data<Shared>, request: HttpRequest, body: Body) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::TokenRefresh, None, body);
    exchange
        .run(async |exchange| refreshed(exchange).unwrap_or_else(|refused| refused))
        .await
}

fn refreshed(exchange: &mut Exchange) -> Result<Reply, Reply> {
    exchange.admit_anybody()?;
    let token = v1_0b17::refresh_token(&exchange.body).map_err(|it| Reply::error(400, &it))?;
    let worker = asking(exchange);
    exchange
        .shared
        .look(|state| state.access.may_refresh(&token, &worker, Instant::now()))
        .map_err(|error| Reply::error(403, &error.to_string()))?;
    Ok(issue(exchange))
}

fn issue(exchange: &Exchange) -> Reply {
    let worker = asking(exchange);
    let lifetime = exchange.shared.settings.token_lifetime;
    let issued = exchange
        .shared
        .change(|state| state.access.issue(&worker, lifetime, Instant::now()));
    Reply::json(200, v1_0b17::issued(&issued))
}

async fn status(shared: Data<Shared>, request: HttpRequest) -> HttpResponse {
    let exchange = Exchange::new(shared, request, Endpoint::Status, None, Ok(Bytes::new()));
    exchange.run(async |_| Reply::constant(v1_0b17::OK)).await
}
