//! The other side of a transport, as the suite needs it.

use std::future::{Future, ready};
use std::time::Duration;

use serde_json::Value;

use crate::id::{JobId, OrchestratorId};
use crate::json::RawJson;
use crate::task::{Outcome, TaskError};
use crate::transport::Transport;

/// The name of the worker that the suite registers.
pub const WORKER: &str = "suite-worker";

/// The name of the tasks that it takes.
pub const TASK: &str = "suite_task";

/// A peer cannot do what it was asked to do, for this reason. Rules that need it are not
/// checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cannot(pub &'static str);

/// What the transport promises beyond the trait, and what it leaves out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claims {
    /// The longest that any call but a poll takes, whatever the peer does. Default 10 s.
    pub answers_within: Duration,
    /// How long a poll is held at least when there is no task. Zero: it is not held.
    /// Default 200 ms.
    pub holds: Duration,
    /// How many tasks it can take in before the first result. Default 2.
    pub tasks_at_once: usize,
    /// It keeps a connection and registers anew by itself, so [`Transport::register`] may
    /// wait and nobody need be told that the peer forgot the worker. Default no.
    pub registers_by_itself: bool,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            answers_within: Duration::from_secs(10),
            holds: Duration::from_millis(200),
            tasks_at_once: 2,
            registers_by_itself: false,
        }
    }
}

/// A kind of request that a peer can be asked to answer badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request {
    /// [`Transport::register`].
    Register,
    /// [`Transport::heartbeat`].
    Heartbeat,
    /// [`Transport::probe`].
    Probe,
    /// [`Transport::poll`].
    Poll,
    /// [`Transport::deliver`].
    Deliver,
}

/// An answer that says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Too many requests, come back after this time.
    RateLimited(Duration),
    /// The peer cannot serve anybody now.
    Unavailable,
    /// The peer failed.
    Faulted,
    /// The credentials are not accepted.
    Unauthorized,
    /// The request is not acceptable and never will be.
    Refused,
    /// The worker is not known.
    NotRegistered,
}

/// A result, as the peer has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeenResult {
    /// `success`, `failure` or `cancelled`, whatever the protocol calls them.
    pub status: String,
    /// The data of a success.
    pub data: Value,
    /// Whatever it has of the error's text.
    pub error: String,
}

impl SeenResult {
    /// A success with these data.
    #[must_use]
    pub fn success(data: Value) -> Self {
        Self {
            status: "success".to_owned(),
            data,
            error: String::new(),
        }
    }

    /// A failure with this text.
    #[must_use]
    pub fn failure(error: impl Into<String>) -> Self {
        Self {
            status: "failure".to_owned(),
            data: Value::Null,
            error: error.into(),
        }
    }

    /// A task that was called off.
    #[must_use]
    pub fn cancelled() -> Self {
        Self {
            status: "cancelled".to_owned(),
            data: Value::Null,
            error: String::new(),
        }
    }

    /// For peers that get outcomes as they are.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Completed(reply) => {
                Self::success(serde_json::from_str(reply.data().as_str()).unwrap_or_default())
            }
            Outcome::Failed(error) => Self::failure(error.to_string()),
            Outcome::Cancelled => Self::cancelled(),
            Outcome::Interrupted(why) => Self::failure(TaskError::from(*why).to_string()),
        }
    }
}

type Able<T = ()> = Result<T, Cannot>;

fn cannot<T>() -> std::future::Ready<Able<T>> {
    ready(Err(Cannot("the peer was not taught to")))
}

/// An orchestrator that speaks the protocol of the transport and can be told what to do.
/// Methods are written as `async fn`. Those with a default cannot do what they should, so
/// that the rules that need it are not checked.
pub trait Peer: 'static {
    /// What is checked.
    type Transport: Transport;

    /// A new transport to this peer, not connected yet, of the worker [`WORKER`]. Its limit
    /// for each request should be well below [`Claims::answers_within`].
    fn transport(&self, origin: OrchestratorId) -> Self::Transport;

    /// What the transport promises. Default [`Claims::default`].
    fn claims(&self) -> Claims {
        Claims::default()
    }

    /// Queues a task, of the name [`TASK`], for the worker. Returns its job.
    fn submit(&self, name: &str, params: RawJson) -> impl Future<Output = JobId>;

    /// The result of that job, if it has one now.
    fn result(&self, job: &JobId) -> impl Future<Output = Option<SeenResult>>;

    /// Breaks all connections, and goes on.
    fn cut(&self) -> impl Future<Output = Able> {
        cannot()
    }

    /// Forgets every worker, as a restart does. What is queued stays.
    fn forget(&self) -> impl Future<Output = Able> {
        cannot()
    }

    /// Cannot be reached from now on. Jobs stay.
    fn go_down(&self) -> impl Future<Output = Able> {
        cannot()
    }

    /// Can be reached again.
    fn come_up(&self) -> impl Future<Output = Able> {
        cannot()
    }

    /// Takes requests from now on and answers none.
    fn go_silent(&self) -> impl Future<Output = Able> {
        cannot()
    }

    /// Answers the next request of that kind like this.
    fn refuse_next(&self, request: Request, with: Refusal) -> impl Future<Output = Able> {
        let _ = (request, with);
        cannot()
    }

    /// Answers the next request of that kind with something that is none of the protocol.
    fn garble_next(&self, request: Request) -> impl Future<Output = Able> {
        let _ = request;
        cannot()
    }

    /// Queues a task that cannot be read but for its ids.
    fn submit_unreadable(&self, name: &str) -> impl Future<Output = Able<JobId>> {
        let _ = name;
        cannot()
    }

    /// How many heartbeats of the worker have come.
    fn heartbeats(&self) -> impl Future<Output = Able<usize>> {
        cannot()
    }

    /// The progress of that job so far, each from 0.0 to 1.0. The last one will do.
    fn progress(&self, job: &JobId) -> impl Future<Output = Able<Vec<f64>>> {
        let _ = job;
        cannot()
    }

    /// Calls that job off.
    fn cancel(&self, job: &JobId) -> impl Future<Output = Able> {
        let _ = job;
        cannot()
    }

    /// Tokens and the like that the transport has and must not show. Default none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}
