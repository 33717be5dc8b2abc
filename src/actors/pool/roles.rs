//! Which orchestrators give us tasks. The others must not keep one waiting for
//! us: they hear that we are busy, and what they had queued before that is
//! fetched before they are left alone.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;
use tracing::info;

use super::OrchestratorPool;
use super::beat_pace::BeatCause;
use crate::actors::poller::Sidelined;
use crate::id::OrchestratorId;
use crate::transport::{Availability, Report};

/// An empty answer and the news that we are busy may cross; after this time they
/// cannot have.
const CROSSING: Duration = Duration::from_secs(1);

/// The state as an orchestrator should see it: one that takes none of its results gets no
/// more of them.
pub(super) fn shown(report: Report, role: Role, is_backlogged: bool) -> Report {
    let role = if is_backlogged { Role::Standby } else { role };
    role.shown(report)
}

/// What we want of an orchestrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its tasks.
    Active,
    /// No more tasks; it may have queued one for us before it heard so.
    Leaving {
        /// Since when it knows.
        told: Option<Instant>,
    },
    /// Nothing, unless another one fails.
    Standby,
}

impl Role {
    /// The state as an orchestrator in this role should see it.
    pub(super) fn shown(self, report: Report) -> Report {
        if self == Self::Active || report.availability != Availability::Idle {
            return report;
        }
        Report {
            availability: Availability::Busy,
            available: [].into(),
            ..report
        }
    }

    /// A heartbeat in this role was acknowledged.
    pub(super) fn heard(&mut self, now: Instant) {
        if let Self::Leaving { told } = self {
            told.get_or_insert(now);
        }
    }

    /// A poll came back empty. If the orchestrator knew us for busy while it was
    /// open, nothing is queued there: it would have come with that poll.
    pub(super) fn came_back_empty(&mut self, sent: Instant, now: Instant) {
        if let Self::Leaving { told: Some(told) } = *self
            && (sent >= told || now - told >= CROSSING)
        {
            *self = Self::Standby;
        }
    }

    /// Whether a last poll should fetch what may have been queued.
    pub(super) fn wants_last_poll(self) -> bool {
        matches!(self, Self::Leaving { told: Some(_) })
    }
}

impl OrchestratorPool {
    /// Brings the roles up to date after something was learnt of an orchestrator,
    /// and tells those whose role has changed.
    pub(super) fn review_roles(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let candidates = self.candidates(now);
        for (place, candidate) in candidates.iter().enumerate() {
            let wanted = self.selection.wants(&candidates, candidate);
            let session = &mut self.sessions[place];
            let role = match (session.role, wanted) {
                (Role::Active, false) => Role::Leaving { told: None },
                (Role::Leaving { .. } | Role::Standby, true) => Role::Active,
                (unchanged, _) => unchanged,
            };
            if role == session.role {
                continue;
            }
            session.role = role;
            if let Some(link) = self.board.link(place) {
                link.set_active(role == Role::Active);
            }
            info!(orchestrator = %session.settings.name, ?role, "role changed");
            if let Some(report) = self.last_report.clone() {
                self.beat(OrchestratorId(place), report, BeatCause::Change, ctx);
            }
        }
        self.count_sidelined(now);
    }

    /// Tells the poller how many polls do not count: those that wait where no tasks
    /// are wanted, one for an orchestrator that is to be tried again, and the first one
    /// of each that pushes. These must not wait until the poll of another has ended.
    pub(super) fn count_sidelined(&mut self, now: Instant) {
        let aside = self
            .sessions
            .iter()
            .filter(|s| s.role != Role::Active || s.backlogged);
        let waiting: usize = aside.map(|session| session.open_polls).sum();
        let trial = self.sessions.iter().any(|session| session.wants_trial(now));
        let first = self.sessions.iter().filter(|s| s.wants_first_poll(now));
        let polls = waiting + usize::from(trial) + first.count();
        if polls != self.sidelined {
            self.sidelined = polls;
            self.neighbours.sidelined.do_send(Sidelined(polls));
        }
    }

    /// An orchestrator that we leave and that may still hold a task for us.
    pub(super) fn last_poll(&self, now: Instant) -> Option<OrchestratorId> {
        self.sessions
            .iter()
            .filter(|session| session.role.wants_last_poll() && session.open_polls == 0)
            .map(|session| session.candidate(now))
            .find(|candidate| candidate.ready)
            .map(|candidate| candidate.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orchestrator_is_left_only_after_it_heard_and_had_nothing_more() {
        let now = Instant::now();
        let mut role = Role::Leaving { told: None };
        role.came_back_empty(now, now);
        assert_eq!(role, Role::Leaving { told: None }, "it took us for idle");
        role.heard(now + CROSSING);
        assert!(role.wants_last_poll());
        role.came_back_empty(now, now + CROSSING);
        assert!(
            role.wants_last_poll(),
            "the answer may have crossed the news"
        );
        role.came_back_empty(now, now + 2 * CROSSING);
        assert_eq!(role, Role::Standby);
    }

    #[test]
    fn a_poll_sent_after_the_news_settles_it_at_once() {
        let now = Instant::now();
        let mut role = Role::Leaving { told: Some(now) };
        role.came_back_empty(now, now);
        assert_eq!(role, Role::Standby);
    }
}
