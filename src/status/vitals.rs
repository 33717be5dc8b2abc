//! Whether the worker's threads come round to their messages. Asked when somebody
//! wants to know, so that it costs nothing otherwise.

use std::time::{Duration, Instant};

use actix::{Message, Recipient};
use futures_util::future::join_all;

/// A thread that does not answer within this time counts as stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(1);

/// Are you there?
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ping;

/// How long each thread took to come round to a message; `None`: longer than a second.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vitals {
    /// The thread of polls, heartbeats and results.
    pub control: Option<Duration>,
    /// The threads of async handlers. One is stuck while a handler blocks it.
    pub handlers: Vec<Option<Duration>>,
}

impl Vitals {
    /// Whether the control thread does not answer.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.control.is_none()
    }

    /// Handler threads that do not answer.
    #[must_use]
    pub fn stuck_handlers(&self) -> usize {
        self.handlers.iter().filter(|lag| lag.is_none()).count()
    }
}

/// Asks all threads at once.
pub(crate) async fn measure(control: &Recipient<Ping>, hosts: &[Recipient<Ping>]) -> Vitals {
    let (control, handlers) = futures_util::join!(lag(control), join_all(hosts.iter().map(lag)));
    Vitals { control, handlers }
}

async fn lag(actor: &Recipient<Ping>) -> Option<Duration> {
    let asked = Instant::now();
    match tokio::time::timeout(STUCK, actor.send(Ping)).await {
        Ok(Ok(())) => Some(asked.elapsed()),
        _ => None,
    }
}

#[cfg(test)]
impl Vitals {
    pub(crate) fn of(
        control: Option<Duration>,
        handlers: impl IntoIterator<Item = Option<Duration>>,
    ) -> Self {
        Self {
            control,
            handlers: handlers.into_iter().collect(),
        }
    }
}
