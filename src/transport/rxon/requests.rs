//! The requests of RXON, in the dialect that is spoken.

use std::sync::Arc;
use std::time::Duration;

use awc::http::Method;
use awc::http::header::{HeaderName, HeaderValue};

use super::dialect::Dialect;
use super::http::{RxonHttp, TASK_LIMIT};
use crate::id::{TaskName, WorkerId};
use crate::transport::Offer;
use crate::transport::http::{Limits, Request};
use crate::transport::rxon::wire_1_0b17;

const VERSION: HeaderName = HeaderName::from_static("x-rxon-version");
const WORKER: HeaderName = HeaderName::from_static("x-worker-id");

/// The largest answer to anything but a poll or a call. 1.0b2 echoes the whole record of
/// the worker.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// In bytes.
const LONGEST_LISTS: usize = 4096;

/// Returns the headers of a dialect, beside the token.
pub(super) fn headers(dialect: Dialect, worker_id: &WorkerId) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![(VERSION, HeaderValue::from_static(dialect.name()))];
    if dialect == Dialect::V1_0b17
        && let Ok(worker_id) = HeaderValue::from_str(worker_id.as_str())
    {
        headers.push((WORKER, worker_id));
    }
    headers
}

impl RxonHttp {
    /// A registration, in the newest dialect that the orchestrator may speak.
    pub(super) fn register_request(&self) -> Request {
        let path = "/_worker/workers/register";
        let headers = headers(Dialect::newest(self.version), &self.worker_id);
        Request::new(Method::POST, path, self.control_limits()).headers(headers)
    }

    /// A heartbeat with a body, a probe without.
    pub(super) fn worker_request(&self) -> Request {
        self.request(
            Method::PATCH,
            format!("/_worker/workers/{}", self.worker_id),
        )
    }

    pub(super) fn result_request(&self) -> Request {
        self.request(Method::POST, "/_worker/tasks/result")
    }

    pub(super) fn event_request(&self) -> Request {
        self.request(Method::POST, "/_worker/events")
    }

    pub(super) fn status_request(&self) -> Request {
        self.request(Method::GET, "/_public/status")
    }

    pub(super) fn call_request(&self, limits: Limits) -> Request {
        self.with_headers(Request::new(Method::POST, "/skills/call", limits))
    }

    pub(super) fn poll_request(&self, offer: &Offer, within: Duration) -> Request {
        let limits = Limits {
            within,
            stall: Some(self.request_timeout),
            body: TASK_LIMIT,
        };
        let mut path = format!("/_worker/workers/{}/tasks/next", self.worker_id);
        if self.dialect.get() == Dialect::V1_0b17 {
            let hold = self.poll_hold.as_secs_f64();
            path = format!("{path}?timeout={hold:?}{}", self.lists(&offer.available));
        }
        self.with_headers(Request::new(Method::GET, path, limits))
    }

    /// Returns what is on offer, for the query of a poll. Names are identifiers, so that
    /// they can be written as they are.
    fn lists(&self, available: &Arc<[TaskName]>) -> String {
        let (card, report) = (self.card.borrow(), self.report.borrow());
        let hot = match &*report {
            Some(report) => wire_1_0b17::hot_skills(card.as_deref(), report, available),
            None => Vec::new(),
        };
        let names: Vec<&str> = available.iter().map(TaskName::as_str).collect();
        let lists = format!(
            "&available_skills={}&hot_skills={}",
            names.join(","),
            hot.join(",")
        );
        // Servers refuse long addresses, and avtomatika 1.0b30 makes no use of the lists.
        if lists.len() > LONGEST_LISTS {
            return String::new();
        }
        lists
    }

    fn request(&self, method: Method, path: impl Into<String>) -> Request {
        self.with_headers(Request::new(method, path, self.control_limits()))
    }

    fn with_headers(&self, request: Request) -> Request {
        request.headers(headers(self.dialect.get(), &self.worker_id))
    }

    fn control_limits(&self) -> Limits {
        Limits {
            within: self.request_timeout,
            stall: None,
            body: ANSWER_LIMIT,
        }
    }
}
