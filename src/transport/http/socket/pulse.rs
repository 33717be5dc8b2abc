//! Whether the other side of a socket is still there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Pings at a steady pace and notices when nothing comes back.
pub(super) struct Pulse {
    every: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether a ping went out and nothing has come in since.
    is_waiting: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    /// A ping was not answered; nothing at all came for at least this long.
    Silent(Duration),
}

impl Pulse {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            timer: Box::pin(sleep(every)),
            is_waiting: false,
        }
    }

    /// Something came in.
    pub(super) fn heard(&mut self) {
        self.is_waiting = false;
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if self.is_waiting {
            return Poll::Ready(Beat::Silent(self.every));
        }
        self.is_waiting = true;
        // From now on: after a long sleep of the machine one ping is enough.
        self.timer.as_mut().reset(Instant::now() + self.every);
        Poll::Ready(Beat::Ping)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_rt::test]
    async fn a_peer_that_answers_lives_and_one_that_does_not_is_silent() {
        tokio::time::pause();
        let every = Duration::from_secs(20);
        let mut pulse = Pulse::new(every);
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(poll_fn(|cx| pulse.poll(cx)).await, Beat::Ping);
            pulse.heard();
        }
        assert_eq!(poll_fn(|cx| pulse.poll(cx)).await, Beat::Ping);
        let beat = poll_fn(|cx| pulse.poll(cx)).await;
        assert_eq!(beat, Beat::Silent(every));
        assert_eq!(began.elapsed().as_secs(), 100);
    }
}
