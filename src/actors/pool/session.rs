//! What the worker knows of one orchestrator.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::beat_pace::BeatPace;
use super::lease::{Lease, Moment};
use super::refusals::Refusals;
use super::roles::Role;
use crate::config::Timing;
use crate::config::reload_secrets_soon;
use crate::id::{OrchestratorId, TaskName};
use crate::retry::{Backoff, Gate};
use crate::selection::Candidate;
use crate::transport::{Availability, Report, Transport, TransportError};

/// An orchestrator, as it is configured.
pub(crate) struct SessionSettings {
    pub(crate) id: OrchestratorId,
    /// For logs.
    pub(crate) name: String,
    pub(crate) priority: i64,
    pub(crate) weight: u32,
    pub(crate) transport: Rc<dyn Transport>,
}

/// One orchestrator: the way to it and its state.
#[allow(
    clippy::struct_excessive_bools,
    reason = "six facts that vary independently"
)]
pub(super) struct Session {
    pub(super) settings: SessionSettings,
    pub(super) registered: bool,
    pub(super) registering: bool,
    /// It is over with this one, in order or not.
    pub(super) dismissed: Option<bool>,
    pub(super) registration: Gate,
    pub(super) refusals: Refusals,
    pub(super) polls: Gate,
    pub(super) open_polls: usize,
    /// So many polls in a row ended by our own limit.
    pub(super) late_polls: u32,
    /// Whether its last poll brought a task.
    pub(super) flowing: bool,
    pub(super) role: Role,
    pub(super) beats: Gate,
    pub(super) beating: bool,
    pub(super) pace: BeatPace,
    pub(super) lease: Lease,
    /// Whether a warning was given that something ends its polls.
    pub(super) told_of_cuts: bool,
    /// It takes no results, so no more tasks are taken from it.
    pub(super) backlogged: bool,
    /// The latest state, if the orchestrator does not have it yet.
    pub(super) unsent_beat: Option<Report>,
    /// What the orchestrator believes of us.
    believed: Option<(Availability, Arc<[TaskName]>)>,
    /// It may have been restarted since we last heard of it. Requests look at it as well.
    pub(super) suspect: Rc<Cell<bool>>,
}

impl Session {
    pub(super) fn new(settings: SessionSettings, timing: &Timing) -> Self {
        let floor = timing.rate_limit_floor;
        let gate = |initial, max, factor| Gate::new(Backoff::new(initial, max, factor), floor);
        let longest = timing.poll_backoff_max.min(timing.poll_error_delay);
        Self {
            settings,
            registered: false,
            registering: false,
            dismissed: None,
            registration: gate(
                timing.registration_retry_initial_delay,
                timing.registration_retry_max_delay,
                2.0,
            ),
            refusals: Refusals::default(),
            polls: gate(
                timing.poll_backoff_initial,
                longest,
                timing.poll_backoff_factor,
            ),
            open_polls: 0,
            late_polls: 0,
            flowing: false,
            role: Role::Standby,
            beats: gate(timing.poll_backoff_initial, timing.heartbeat_interval, 2.0),
            beating: false,
            // Regular ones are never slowed down.
            pace: BeatPace::new(timing.heartbeat_cooldown.min(timing.heartbeat_interval)),
            lease: Lease::default(),
            told_of_cuts: false,
            backlogged: false,
            unsent_beat: None,
            believed: None,
            suspect: Rc::default(),
        }
    }

    pub(super) fn transport(&self) -> Rc<dyn Transport> {
        self.settings.transport.clone()
    }

    pub(super) fn candidate(&self, now: Instant) -> Candidate {
        // After a failure a single poll tries the way.
        let alone = !self.polls.is_failing() || self.open_polls == 0;
        Candidate {
            id: self.settings.id,
            priority: self.settings.priority,
            weight: self.settings.weight,
            ready: self.registered && !self.backlogged && self.polls.is_open(now) && alone,
            working: !self.polls.is_failing() && !self.registration.is_failing(),
            flowing: self.flowing,
            open_polls: self.open_polls,
        }
    }

    /// Whether it has failed and may be tried again now.
    pub(super) fn wants_trial(&self, now: Instant) -> bool {
        self.polls.is_failing() && self.open_polls == 0 && self.candidate(now).ready
    }

    /// Whether it could have a poll and should always have one.
    pub(super) fn wants_first_poll(&self, now: Instant) -> bool {
        self.open_polls == 0 && self.settings.transport.pushes() > 0 && self.candidate(now).ready
    }

    /// Whether it was thought unreachable until now; forgets it.
    pub(super) fn was_silent(&mut self) -> bool {
        self.suspect.take()
    }

    /// Notes a failed request. Returns `true` if the orchestrator takes us for a stranger.
    pub(super) fn note_failure(&mut self, error: &TransportError) -> bool {
        match error {
            TransportError::Unreachable { .. }
            | TransportError::PollCut { .. }
            | TransportError::NoAnswer { .. }
            | TransportError::Unavailable { .. } => self.suspect.set(true),
            // The token may have changed in its file.
            TransportError::Unauthorized { .. } => reload_secrets_soon(),
            _ => {}
        }
        matches!(
            error,
            TransportError::NotRegistered | TransportError::Unauthorized { .. }
        )
    }

    pub(super) fn note_believed(&mut self, report: &Report) {
        self.believed = Some((report.availability, report.available.clone()));
    }

    /// After registration it takes us for idle, with everything on offer.
    pub(super) fn note_registered(&mut self, now: Instant) {
        self.registered = true;
        self.lease.begin(Moment::now());
        self.refusals.registered(now);
        self.registering = false;
        self.suspect.set(false);
        self.believed = None;
    }

    /// Whether it would give us this task, as far as it knows.
    pub(super) fn believes_free_for(&self, name: &TaskName) -> bool {
        match &self.believed {
            None => true,
            Some((availability, available)) => {
                *availability == Availability::Idle && available.contains(name)
            }
        }
    }

    /// Whether it takes us for busy although we are not.
    pub(super) fn underestimates(&self, report: &Report) -> bool {
        report.availability == Availability::Idle
            && !report
                .available
                .iter()
                .all(|name| self.believes_free_for(name))
    }
}
