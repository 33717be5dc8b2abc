//! Decisions, as plain types without actors: what to do next, given what
//! happened. Time comes in as an argument, so that tests need neither a runtime
//! nor a clock. The actors in [`crate::actors`] carry these, feed them and do
//! what they answer.

mod apart;
mod asking;
mod backoff;
mod beat_pace;
mod beat_phase;
mod deadband;
mod drain;
mod gate;
mod outbox;
mod poll_scale;
mod relink;
mod select;
mod slots;

pub(crate) use apart::Apart;
pub(crate) use asking::Asking;
pub(crate) use backoff::Backoff;
pub(crate) use beat_pace::{BeatCause, BeatPace};
pub(crate) use beat_phase::{first_wait, next_wait};
pub(crate) use deadband::Telemetry;
pub(crate) use drain::{Drain, DrainLimits, DrainStep, Pending};
pub(crate) use gate::Gate;
pub(crate) use outbox::{Outbox, Ticket, Verdict};
pub(crate) use poll_scale::PollScale;
pub(crate) use relink::Relink;
pub(crate) use select::strategy_for;
pub use select::{Candidate, Selection};
pub(crate) use slots::{Claim, Held, Slots};
