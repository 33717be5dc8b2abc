//! The requests of a transport, written once for the dialect that is spoken.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Method;
use actix_http::header::{HeaderName, HeaderValue};

use super::dialect::Dialect;
use crate::id::{TaskName, WorkerId};
use crate::transport::http::{Http, Request};

const VERSION: HeaderName = HeaderName::from_static("x-rxon-version");
const WORKER: HeaderName = HeaderName::from_static("x-worker-id");

/// In bytes.
const LONGEST_LISTS: usize = 4096;

/// The headers of a dialect, beside the token.
pub(super) fn headers(dialect: Dialect, worker_id: &WorkerId) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![(VERSION, HeaderValue::from_static(dialect.name()))];
    if dialect == Dialect::V1_0b17
        && let Ok(worker_id) = HeaderValue::from_str(worker_id.as_str())
    {
        headers.push((WORKER, worker_id));
    }
    headers
}

/// Requests that differ in nothing but their bodies.
pub(super) struct Requests {
    pub(super) register: Request,
    /// Heartbeat with a body, probe without.
    pub(super) worker: Request,
    pub(super) result: Request,
    pub(super) event: Request,
    pub(super) call: Request,
    poll: Poll,
}

struct LastPoll {
    available: Arc<[TaskName]>,
    hot: Vec<String>,
    request: Request,
}

enum Poll {
    Plain(Request),
    /// With what is on offer in the query. The last one is kept.
    WithQuery {
        path: String,
        headers: Vec<(HeaderName, HeaderValue)>,
        last: RefCell<Option<LastPoll>>,
    },
}

impl Requests {
    /// Registers as one who speaks `newest`, and goes on in `dialect`.
    pub(super) fn new(
        http: &Http,
        newest: Dialect,
        dialect: Dialect,
        worker_id: &WorkerId,
        hold: Duration,
    ) -> Self {
        let register = "/_worker/workers/register";
        let register = http.prepare(&Method::POST, register, &headers(newest, worker_id));
        let headers = headers(dialect, worker_id);
        let prepare = |method: Method, path: &str| http.prepare(&method, path, &headers);
        let worker = format!("/_worker/workers/{worker_id}");
        let poll = format!("{worker}/tasks/next");
        Self {
            register,
            worker: prepare(Method::PATCH, &worker),
            result: prepare(Method::POST, "/_worker/tasks/result"),
            event: prepare(Method::POST, "/_worker/events"),
            call: prepare(Method::POST, "/skills/call"),
            poll: match dialect {
                Dialect::V1_0b2 => Poll::Plain(prepare(Method::GET, &poll)),
                Dialect::V1_0b17 => Poll::WithQuery {
                    path: format!("{poll}?timeout={:?}", hold.as_secs_f64()),
                    headers,
                    last: RefCell::default(),
                },
            },
        }
    }

    /// A poll; `hot` is asked where it matters. Names are identifiers, so that they can be
    /// written into a query as they are.
    pub(super) fn poll<'a>(
        &self,
        http: &Http,
        available: &Arc<[TaskName]>,
        hot: impl FnOnce() -> Vec<&'a str>,
    ) -> Request {
        let (path, headers, last) = match &self.poll {
            Poll::Plain(request) => return request.clone(),
            Poll::WithQuery {
                path,
                headers,
                last,
            } => (path, headers, last),
        };
        let hot = hot();
        let mut last = last.borrow_mut();
        if let Some(last) = &*last
            && last.available == *available
            && last.hot == hot
        {
            return last.request.clone();
        }
        let names: Vec<&str> = available.iter().map(TaskName::as_str).collect();
        let lists = format!(
            "&available_skills={}&hot_skills={}",
            names.join(","),
            hot.join(",")
        );
        // Servers refuse long addresses, and avtomatika 1.0b30 makes no use of the lists.
        let lists = if lists.len() > LONGEST_LISTS {
            ""
        } else {
            &lists
        };
        let request = http.prepare(&Method::GET, &format!("{path}{lists}"), headers);
        *last = Some(LastPoll {
            available: available.clone(),
            hot: hot.iter().map(|&name| name.to_owned()).collect(),
            request: request.clone(),
        });
        request
    }
}
