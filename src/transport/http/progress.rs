//! How far an exchange has come, and how long it may stand still.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::Limits;

/// So many bytes count as having moved on. A peer that sends less within its limit is
/// as good as silent.
const STEP: usize = 1024;

/// No limit is longer, so that it ends at a time that there is.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// A request goes out in pieces of this size, so that it can be seen to move.
const PIECE: usize = 16 * 1024;

/// How far an exchange has come.
#[derive(Debug)]
pub(super) struct Progress {
    moved: Cell<Instant>,
    has_head: Cell<bool>,
    /// Bytes since then.
    since: Cell<usize>,
}

/// What did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stalled(pub(super) Duration);

impl Progress {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            moved: Cell::new(Instant::now()),
            has_head: Cell::new(false),
            since: Cell::new(0),
        })
    }

    /// The head of the response is there.
    pub(super) fn head(&self) {
        self.has_head.set(true);
        self.step();
    }

    /// Some bytes went out, or came in.
    pub(super) fn bytes(&self, count: usize) {
        self.since.set(self.since.get() + count);
        if self.since.get() >= STEP {
            self.step();
        }
    }

    fn step(&self) {
        self.since.set(0);
        self.moved.set(Instant::now());
    }

    fn limit(&self, limits: &Limits) -> Duration {
        match limits.stall {
            Some(stall) if self.has_head.get() => stall,
            _ => limits.within,
        }
    }
}

/// Runs an exchange for as long as it moves, or until its deadline where that counts.
pub(super) async fn run<T>(
    exchange: impl Future<Output = T>,
    limits: &Limits,
    progress: &Progress,
) -> Result<T, Stalled> {
    let begun = Instant::now();
    let until = || match limits.stall {
        Some(_) => progress.moved.get() + progress.limit(limits).min(FOR_EVER),
        None => begun + limits.within.min(FOR_EVER),
    };
    let mut exchange = pin!(exchange);
    loop {
        let at = until();
        tokio::select! {
            biased;
            output = &mut exchange => return Ok(output),
            () = sleep_until(at) => {
                if until() <= at {
                    return Err(Stalled(progress.limit(limits)));
                }
            }
        }
    }
}

/// The body of a request, of which is seen how far it has gone.
pub(super) struct Outgoing {
    rest: Bytes,
    progress: Rc<Progress>,
}

impl Outgoing {
    pub(super) fn new(body: Bytes, progress: Rc<Progress>) -> Self {
        Self {
            rest: body,
            progress,
        }
    }
}

impl MessageBody for Outgoing {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = this.rest.split_to(PIECE.min(this.rest.len()));
        this.progress.bytes(piece.len());
        Poll::Ready(Some(Ok(piece)))
    }
}
