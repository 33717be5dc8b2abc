//! What the server does wrong, and a list of what it was asked.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use s3s::service::S3Service;

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with this code in the body; nothing is done.
    Refuse(u16, &'static str),
    /// The answer's body breaks off after so many bytes.
    Cut(u64),
    /// The answer's body stops after so many bytes and the connection stays open.
    Freeze(u64),
    /// The answer says this length.
    Length(u64),
    /// The request is done, and the connection closed instead of an answer.
    Swallow,
    /// The answer comes as if nobody had asked for a part.
    Whole,
    /// The same, without a mark of the object, and its body breaks off after so many bytes.
    Bare(u64),
    /// The mark of the object is a weak one, and the body breaks off after so many bytes.
    Weak(u64),
    /// The request waits until faults are cleared.
    Hold,
}

/// Requests that match get the fault, so many times.
struct Rule {
    method: &'static str,
    part_of_target: String,
    fault: Fault,
    left: usize,
}

#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<String>,
    /// The keys that requests were signed with.
    signed: Vec<String>,
}

impl Faults {
    /// The next `times` requests of this method whose path and query contain this text.
    pub fn add(&self, method: &'static str, part_of_target: &str, fault: Fault, times: usize) {
        self.0.lock().unwrap().rules.push(Rule {
            method,
            part_of_target: part_of_target.to_owned(),
            fault,
            left: times,
        });
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().rules.clear();
    }

    /// How many requests of this method had a target with this text.
    pub fn count(&self, method: &str, part_of_target: &str) -> usize {
        let state = self.0.lock().unwrap();
        let is_meant = |line: &&String| {
            let (verb, target) = line.split_once(' ').unwrap();
            verb == method && target.contains(part_of_target)
        };
        state.requests.iter().filter(is_meant).count()
    }

    /// What the last such request says of its key.
    #[allow(dead_code)]
    pub fn last(&self, method: &str, part_of_target: &str) -> Option<String> {
        let state = self.0.lock().unwrap();
        let is_meant = |line: &String| {
            let (verb, target) = line.split_once(' ').unwrap();
            verb == method && target.contains(part_of_target)
        };
        let place = state.requests.iter().rposition(is_meant)?;
        Some(state.signed[place].clone())
    }

    fn take(&self, method: &str, target: &str, signed: String) -> Option<Fault> {
        let mut state = self.0.lock().unwrap();
        state.requests.push(format!("{method} {target}"));
        state.signed.push(signed);
        let meant = |rule: &&mut Rule| {
            rule.left > 0 && rule.method == method && target.contains(&rule.part_of_target)
        };
        let rule = state.rules.iter_mut().find(meant)?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    pub async fn answer(
        self,
        service: S3Service,
        mut request: Request<Incoming>,
    ) -> Result<Answer, io::Error> {
        let method = request.method().to_string();
        let target = request.uri().to_string();
        // In the address, or in a header.
        let header = request.headers().get(AUTHORIZATION);
        let signed = header.map_or(target.clone(), |value| value.to_str().unwrap().to_owned());
        let fault = self.take(&method, &target, signed);
        match &fault {
            Some(Fault::Refuse(status, code)) => {
                let _ = request.into_body().collect().await;
                let body = format!("<Error><Code>{code}</Code><Message>as told</Message></Error>");
                let mut answer = Response::new(whole(body.into()));
                *answer.status_mut() = StatusCode::from_u16(*status).unwrap();
                return Ok(answer);
            }
            Some(Fault::Hold) => {
                while !self.0.lock().unwrap().rules.is_empty() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            Some(Fault::Whole | Fault::Bare(_)) => {
                request.headers_mut().remove("range");
            }
            _ => {}
        }
        let call = Service::call(&service, request);
        let answer = call
            .await
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut answer = answer.map(|body| body.map_err(io::Error::other).boxed());
        match fault {
            Some(Fault::Swallow) => Err(io::Error::other("as told")),
            Some(Fault::Cut(after)) => Ok(answer.map(|body| ended(body, after, false))),
            Some(Fault::Bare(after)) => {
                answer.headers_mut().remove(ETAG);
                Ok(answer.map(|body| ended(body, after, false)))
            }
            Some(Fault::Weak(after)) => {
                let mark = answer.headers()[ETAG].to_str().unwrap();
                let weak = HeaderValue::from_str(&format!("W/{mark}")).unwrap();
                answer.headers_mut().insert(ETAG, weak);
                Ok(answer.map(|body| ended(body, after, false)))
            }
            Some(Fault::Freeze(after)) => Ok(answer.map(|body| ended(body, after, true))),
            Some(Fault::Length(bytes)) => {
                answer
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from(bytes));
                Ok(answer.map(|body| ended(body, bytes, false)))
            }
            _ => Ok(answer),
        }
    }
}

fn whole(body: Bytes) -> BoxBody<Bytes, io::Error> {
    let never = |error: Infallible| match error {};
    Full::new(body).map_err(never).boxed()
}

/// The beginning of a body, and then an error or nothing at all.
fn ended(body: BoxBody<Bytes, io::Error>, after: u64, freeze: bool) -> BoxBody<Bytes, io::Error> {
    type Pinned = Pin<Box<BoxBody<Bytes, io::Error>>>;
    let body: Pinned = Box::pin(body);
    let stream = futures_util::stream::unfold((body, after), move |(mut body, left)| async move {
        if left == 0 {
            if freeze {
                std::future::pending::<()>().await;
            }
            // What was sent before must not be lost with the connection.
            tokio::time::sleep(Duration::from_millis(5)).await;
            return Some((Err(io::Error::other("as told")), (body, 0)));
        }
        let mut bytes = body.frame().await?.ok()?.into_data().ok()?;
        bytes.truncate(usize::try_from(left).unwrap());
        let left = left - bytes.len() as u64;
        Some((Ok(Frame::data(bytes)), (body, left)))
    });
    BodyExt::boxed(StreamBody::new(SyncStream(Mutex::new(Box::pin(stream)))))
}

/// A boxed body must be `Sync`, which a stream of futures is not.
struct SyncStream(Mutex<Pin<Box<dyn futures_util::Stream<Item = Framed> + Send>>>);

type Framed = Result<Frame<Bytes>, io::Error>;

impl futures_util::Stream for SyncStream {
    type Item = Framed;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Framed>> {
        self.0.lock().unwrap().as_mut().poll_next(context)
    }
}
