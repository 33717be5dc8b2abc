//! What all endpoints have in common: counting, faults, limits, tokens and the log.

use std::future::pending;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::connection::Connection;
use super::reply::Reply;
use crate::dev::recorder::{Endpoint, RecordedRequest};
use crate::dev::state::Shared;
use crate::dev::{Fault, wire};

pub(super) type Body = Result<Bytes, actix_web::Error>;

/// One request on its way to an answer. Recorded when it is dropped, so that a
/// request that never gets an answer is in the log as well.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) request: HttpRequest,
    /// The worker id of the path.
    pub(super) worker: Option<String>,
    pub(super) body: Bytes,
    endpoint: Endpoint,
    /// Why the body could not be read.
    unreadable: Option<Reply>,
    status: Option<u16>,
    at: SystemTime,
    arrived: Instant,
}

impl Exchange {
    pub(super) fn new(
        shared: Data<Shared>,
        request: HttpRequest,
        endpoint: Endpoint,
        worker: Option<String>,
        body: Body,
    ) -> Self {
        let (body, unreadable) = match body {
            Ok(body) => (body, None),
            Err(error) => {
                let status = error.as_response_error().status_code().as_u16();
                (Bytes::new(), Some(Reply::text(status, error.to_string())))
            }
        };
        Self {
            shared: shared.into_inner(),
            request,
            worker,
            body,
            endpoint,
            unreadable,
            status: None,
            at: SystemTime::now(),
            arrived: Instant::now(),
        }
    }

    /// Counts the request and has it handled, unless something is to go wrong.
    pub(super) async fn run(
        mut self,
        handle: impl AsyncFnOnce(&mut Self) -> Reply,
    ) -> HttpResponse {
        let endpoint = self.endpoint;
        let fault = self.shared.change(|state| {
            state.recorder.arrived(endpoint);
            state.faults.next(endpoint)
        });
        let reply = match &fault {
            Some(Fault::Status(status)) => Reply::error(*status, "asked to fail"),
            Some(Fault::TooMany(retry_after)) => Reply::too_many(*retry_after),
            Some(Fault::Garbage(text)) => Reply::json(200, text.clone()),
            Some(Fault::Hang) => pending().await,
            Some(Fault::Drop) => self.hang_up().await,
            Some(Fault::Delay(time)) => {
                actix_rt::time::sleep(*time).await;
                handle(&mut self).await
            }
            _ => handle(&mut self).await,
        };
        match fault {
            Some(Fault::DropAnswer) => self.hang_up().await,
            Some(Fault::DelayAnswer(time)) => actix_rt::time::sleep(time).await,
            Some(Fault::CutOff) => return reply.into_cut_off(&self.request),
            _ => {}
        }
        self.status = Some(reply.status);
        reply.into_response(&self.request)
    }

    /// The checks before anything is done: limits, size, token.
    /// `claimed` is the worker id in the body.
    pub(super) fn admit(&mut self, claimed: Option<&str>) -> Result<(), Reply> {
        let worker = self.worker.as_deref().or(claimed);
        let endpoint = self.endpoint;
        let refused = self.shared.change(|state| {
            let limits = state.quirks.rate_limits.as_ref()?;
            let is_in = state.rates.admit(limits, endpoint, worker, Instant::now());
            (!is_in).then(|| limits.retry_after.then_some(limits.window.as_secs()))
        });
        if let Some(retry_after) = refused {
            return Err(Reply::too_many(retry_after));
        }
        let token = self.request.headers().get(wire::TOKEN_HEADER);
        let token = token.and_then(|token| token.to_str().ok());
        let tokens = &self.shared.settings.tokens;
        tokens
            .check(token, worker)
            .map_err(|error| Reply::error(401, &error.to_string()))?;
        if self.worker.is_none() {
            self.worker = claimed.map(str::to_owned);
        }
        self.unreadable.take().map_or(Ok(()), Err)
    }

    pub(super) fn is_open(&self) -> bool {
        let connection = self.request.conn_data::<Connection>();
        connection.is_none_or(Connection::is_open)
    }

    /// Ends the connection; the server then drops this future.
    async fn hang_up<T>(&self) -> T {
        if let Some(connection) = self.request.conn_data::<Connection>() {
            connection.hang_up();
        }
        pending().await
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let endpoint = self.endpoint;
        let arrived = self.arrived;
        let (status, at) = (self.status, self.at);
        let worker = self.worker.take();
        let body = std::mem::take(&mut self.body);
        let request = &self.request;
        self.shared.change(|state| {
            if !state.recorder.is_on() {
                return;
            }
            let version = request.headers().get(wire::VERSION_HEADER);
            state.recorder.ended(RecordedRequest {
                endpoint,
                worker,
                version: version
                    .and_then(|text| text.to_str().ok())
                    .map(str::to_owned),
                body,
                status,
                at,
                arrived,
                took: arrived.elapsed(),
            });
        });
    }
}
