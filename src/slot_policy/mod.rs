//! Conditions of your own for taking tasks, beside the limits: memory, a device that
//! somebody else uses, the time of day.
//!
//! A [`SlotPolicy`] is asked before a slot is reserved, that is, before each poll. While it
//! says no, the worker sends no polls and tells orchestrators that it is busy. Running
//! tasks go on, open polls stay open, and a task that one of them brings is run.
//!
//! ```
//! use std::time::Duration;
//! use axon_worker::slot_policy::{CapacityChecker, MemoryLine, Ruling, SlotPolicy, SlotView};
//! use axon_worker::{TaskError, Worker};
//!
//! async fn render(_: serde_json::Value) -> Result<(), TaskError> {
//!     Ok(())
//! }
//!
//! const GIB: u64 = 1 << 30;
//! // A closure is a policy; it sees what is taken, and the time.
//! let one_at_first = |view: &SlotView, _| match view.tasks() {
//!     0 => Ruling::yes(),
//!     _ => Ruling::not_now("one after the other"),
//! };
//! # let _ =
//! Worker::builder("render-farm")
//!     .task("render", render)
//!     .slot_policy(MemoryLine::process_above(6 * GIB).resume_at(5 * GIB))
//!     .slot_policy(one_at_first.or(MemoryLine::available_below(2 * GIB)))
//!     .slot_policy(CapacityChecker::new(|| true).every(Duration::from_secs(5)));
//! ```
//!
//! # Where it runs
//!
//! On a thread of its own, `axon-policy`: a policy may block, for example to ask a device.
//! Meanwhile no new slot is reserved; after a second without an answer the one before
//! counts for as long as it takes. A policy that panics has changed nothing, and the log
//! says so once. Before the first answer the worker takes no tasks.

mod both;
mod checker;
mod line;
mod memory;
mod ruling;
mod seat;
mod view;

use std::time::Instant;

pub use both::{Both, Either};
pub use checker::{CapacityChecker, Poke};
pub use memory::MemoryLine;
pub use ruling::Ruling;
pub(crate) use seat::{Policies, Seat};
pub use view::SlotView;

/// Says whether the worker may take one more task. Given to
/// [`WorkerBuilder::slot_policy`](crate::WorkerBuilder::slot_policy). Closures that take
/// a `&SlotView` and an `Instant` and return a [`Ruling`] are policies, too.
pub trait SlotPolicy: Send + 'static {
    /// May one more slot be reserved? Called on the thread of policies
    ///
    /// - before each poll is sent;
    /// - after a no, whenever what the view shows has changed and a task is wanted;
    /// - when the time of [`Ruling::ask_again_in`] is over;
    /// - when one of its [`pokes`](SlotPolicy::pokes) says so.
    ///
    /// The answer holds until the next one, also for what heartbeats tell. So a policy
    /// that looks at something other than the view should say when to ask again.
    fn rule(&mut self, view: &SlotView, now: Instant) -> Ruling;

    /// What makes the worker ask at once. Looked at when the policy is given to the builder.
    /// None, unless overridden.
    fn pokes(&self) -> Vec<Poke> {
        Vec::new()
    }

    /// Says yes when both do.
    fn and<P: SlotPolicy>(self, other: P) -> Both<Self, P>
    where
        Self: Sized,
    {
        Both(self, other)
    }

    /// Says yes when one of them does.
    fn or<P: SlotPolicy>(self, other: P) -> Either<Self, P>
    where
        Self: Sized,
    {
        Either(self, other)
    }
}

impl<F> SlotPolicy for F
where
    F: FnMut(&SlotView, Instant) -> Ruling + Send + 'static,
{
    fn rule(&mut self, view: &SlotView, now: Instant) -> Ruling {
        self(view, now)
    }
}
