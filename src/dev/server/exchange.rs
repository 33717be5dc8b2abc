//! What all endpoints have in common: counting, faults, limits, tokens and the log.

use std::future::pending;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::auth::AuthError;
use super::connection::Connection;
use super::reply::{Dress, Reply};
use crate::config::Token;
use crate::dev::recorder::{Endpoint, RecordedRequest};
use crate::dev::state::Shared;
use crate::dev::wire::v1_0b17::WORKER_ID_HEADER;
use crate::dev::{Dialect, Fault, wire};

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
        let dialect = self.dialect();
        let (fault, dress) = self.shared.change(|state| {
            state.recorder.arrived(endpoint);
            let dress = Dress {
                dialect,
                compression: state.quirks.compression,
                compress_small: state.quirks.compress_small,
                clock_offset: state.quirks.clock_offset,
            };
            (state.faults.next(endpoint), dress)
        });
        let reply = match &fault {
            Some(Fault::Status(status)) => Reply::error(*status, "asked to fail"),
            Some(Fault::TooMany(retry_after)) => Reply::too_many(*retry_after, dialect),
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
            Some(Fault::CutOff) => return reply.into_cut_off(&self.request, &dress),
            _ => {}
        }
        self.status = Some(reply.status);
        reply.into_response(&self.request, &dress)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.shared.settings.dialect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// The checks before anything is done: limits, size, token.
    /// `claimed` is the worker id in the body.
    pub(super) fn admit(&mut self, claimed: Option<&str>) -> Result<(), Reply> {
        let named = self
            .dialect()
            .is_1_0b17()
            .then(|| self.header(WORKER_ID_HEADER));
        let worker = self.worker.as_deref().or(named.flatten()).or(claimed);
        let worker = worker.map(str::to_owned);
        self.within_limits(worker.as_deref())?;
        self.worker = self.authenticate(worker)?;
        self.unreadable.take().map_or(Ok(()), Err)
    }

    /// As [`Exchange::admit`], without a look at the token.
    pub(super) fn admit_anybody(&mut self) -> Result<(), Reply> {
        self.worker = self.header(WORKER_ID_HEADER).map(str::to_owned);
        self.within_limits(self.worker.as_deref())?;
        self.unreadable.take().map_or(Ok(()), Err)
    }

    fn within_limits(&self, worker: Option<&str>) -> Result<(), Reply> {
        let (dialect, endpoint) = (self.dialect(), self.endpoint);
        let refused = self.shared.change(|state| {
            let limits = state.quirks.rate_limits.as_ref()?;
            let now = Instant::now();
            let is_in = state.rates.admit(limits, dialect, endpoint, worker, now);
            (!is_in).then(|| limits.retry_after.then_some(limits.window.as_secs()))
        });
        match refused {
            Some(retry_after) => Err(Reply::too_many(retry_after, dialect)),
            None => Ok(()),
        }
    }

    /// Who this is: in 1.0b2 whoever it claims to be, in 1.0b17 also the owner of an access
    /// token or, without any claim, nobody in particular.
    fn authenticate(&self, worker: Option<String>) -> Result<Option<String>, Reply> {
        let token = self.header(wire::TOKEN_HEADER);
        let is_1_0b17 = self.dialect().is_1_0b17();
        let (owner, is_swapped) = self.shared.look(|state| {
            let owner = token.and_then(|token| state.access.owner(token, Instant::now()));
            (owner.map(str::to_owned), state.quirks.swapped_refusals)
        });
        let checked = match (owner, worker) {
            (Some(owner), Some(worker)) if owner != worker => {
                Err(AuthError::Elsewhere { owner, worker })
            }
            (Some(owner), _) => Ok(Some(owner)),
            (None, worker) => {
                let tokens = &self.shared.settings.tokens;
                tokens.check(token, worker.as_deref()).map(|()| worker)
            }
        };
        let status = if is_1_0b17 == is_swapped { 401 } else { 403 };
        let refuse = |error: AuthError| Reply::error(status, &error.text(self.dialect()));
        let worker = checked.map_err(refuse)?;
        let nobody = is_1_0b17.then(|| wire::NAMELESS_SOCKET.to_owned());
        Ok(worker.or(nobody))
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
            let header = |name| request.headers().get(name)?.to_str().ok();
            state.recorder.ended(RecordedRequest {
                endpoint,
                worker,
                version: header(wire::VERSION_HEADER).map(str::to_owned),
                query: request.query_string().to_owned(),
                token: header(wire::TOKEN_HEADER).map(Token::from),
                body,
                status,
                at,
                arrived,
                took: arrived.elapsed(),
            });
        });
    }
}
