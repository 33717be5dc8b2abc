//! Whether the other side of a socket is still there.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Pings at a steady pace and notices when nothing comes back.
pub(super) struct Pulse {
    interval: Interval,
    /// Whether a ping went out and nothing has come in since.
    is_waiting: bool,
}

/// What is to be done.
pub(super) enum Beat {
    Ping,
    /// A ping was not answered; nothing at all came for at least this long.
    Silent(Duration),
}

impl Pulse {
    pub(super) fn new(every: Duration) -> Self {
        let mut interval = interval_at(Instant::now() + every, every);
        // After a long sleep of the machine one ping is enough.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            interval,
            is_waiting: false,
        }
    }

    /// Notes that something came in.
    pub(super) fn heard(&mut self) {
        self.is_waiting = false;
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        ready!(self.interval.poll_tick(cx));
        Poll::Ready(if std::mem::replace(&mut self.is_waiting, true) {
            Beat::Silent(self.interval.period())
        } else {
            Beat::Ping
        })
    }
}
