//! Which result to send when, and what an answer means for it. One lane per
//! orchestrator, so that a dead one holds up nobody else.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Ambiguous;
use crate::retry::{Backoff, Gate};
use crate::task::TaskError;
use crate::transport::{Receipt, TransportError};

/// How many results may be on their way to one orchestrator at once.
const IN_FLIGHT: usize = 16;
/// The longest wait between attempts while an orchestrator is out of reach.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Stands for one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What an answer means for a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The orchestrator has it, or has no use for it.
    Done,
    /// It is sent again later.
    Later,
    /// It can never be delivered as it is; this failure goes in its place.
    Replace(TaskError),
    /// It can never be delivered.
    Lost(String),
}

#[derive(Debug)]
struct Entry {
    lane: usize,
    refusals: u32,
    backoff: Backoff,
    replaced: bool,
    /// How many results had gone through on its lane when it failed last.
    failed_after: Option<u64>,
}

#[derive(Debug)]
struct Lane {
    gate: Gate,
    ready: VecDeque<Ticket>,
    later: BTreeSet<(Instant, Ticket)>,
    in_flight: usize,
    /// How many results went through.
    passed: u64,
}

/// All results that no orchestrator has answered for good.
#[derive(Debug)]
pub(crate) struct Outbox {
    entries: HashMap<Ticket, Entry>,
    lanes: Vec<Lane>,
    next: u64,
    max_refusals: u32,
    first_wait: Duration,
    ambiguous: Ambiguous,
}

impl Outbox {
    /// One lane for each of `lanes` orchestrators. `max_refusals` bounds the
    /// answers that say no; outages are waited out for as long as they last.
    pub(crate) fn new(
        lanes: usize,
        max_refusals: u32,
        first_wait: Duration,
        rate_floor: Duration,
        ambiguous: Ambiguous,
    ) -> Self {
        let lane = |_| Lane {
            gate: Gate::new(Backoff::new(first_wait, LONGEST_WAIT, 2.0), rate_floor),
            ready: VecDeque::new(),
            later: BTreeSet::new(),
            in_flight: 0,
            passed: 0,
        };
        Self {
            entries: HashMap::default(),
            lanes: (0..lanes).map(lane).collect(),
            next: 0,
            max_refusals,
            first_wait,
            ambiguous,
        }
    }

    /// How many results are not delivered yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// For how many orchestrators.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// A new result for an orchestrator.
    pub(crate) fn add(&mut self, lane: usize) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let backoff = Backoff::new(self.first_wait, LONGEST_WAIT, 2.0);
        self.entries.insert(
            ticket,
            Entry {
                lane,
                refusals: 0,
                backoff,
                failed_after: None,
                replaced: false,
            },
        );
        self.lanes[lane].ready.push_back(ticket);
        ticket
    }

    /// Takes the results that should be sent now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Ticket> {
        let mut due = Vec::new();
        for lane in &mut self.lanes {
            while let Some((at, ticket)) = lane.later.first().copied() {
                if at > now {
                    break;
                }
                lane.later.pop_first();
                lane.ready.push_back(ticket);
            }
            // One result tries the way before the others follow.
            let width = if lane.gate.is_failing() { 1 } else { IN_FLIGHT };
            while lane.in_flight < width && lane.gate.is_open(now) {
                let Some(ticket) = lane.ready.pop_front() else {
                    break;
                };
                lane.in_flight += 1;
                due.push(ticket);
            }
        }
        due
    }

    /// When to ask [`Outbox::due`] again if nothing else happens.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let of_lane = |lane: &Lane| {
            let opens = lane.gate.opens_at(now);
            let ready = if lane.ready.is_empty() { None } else { opens };
            let later = lane
                .later
                .first()
                .map(|(at, _)| opens.map_or(*at, |o| o.max(*at)));
            [ready, later].into_iter().flatten().min()
        };
        self.lanes.iter().filter_map(of_lane).min()
    }

    /// The orchestrator was heard of: no need to wait out the backoff.
    pub(crate) fn recovered(&mut self, lane: usize, now: Instant) {
        let lane = &mut self.lanes[lane];
        if lane.gate.is_failing() {
            lane.gate.reopen(now);
        }
    }

    /// An attempt ended.
    pub(crate) fn answered(
        &mut self,
        ticket: Ticket,
        answer: &Result<Receipt, TransportError>,
        now: Instant,
        jitter: f64,
    ) -> Verdict {
        let Some(entry) = self.entries.get_mut(&ticket) else {
            return Verdict::Done;
        };
        let lane = &mut self.lanes[entry.lane];
        lane.in_flight = lane.in_flight.saturating_sub(1);
        let verdict = match answer {
            Ok(_) => {
                lane.gate.succeeded(now);
                lane.passed += 1;
                Verdict::Done
            }
            Err(TransportError::RateLimited { retry_after }) => {
                lane.gate.rate_limited(now, *retry_after, jitter);
                lane.ready.push_front(ticket);
                Verdict::Later
            }
            Err(TransportError::Faulted { reason }) => {
                lane.gate.succeeded(now);
                entry.refusals += 1;
                if entry.refusals > self.max_refusals {
                    Verdict::Lost(reason.clone())
                } else {
                    lane.later
                        .insert((now + entry.backoff.fail(jitter), ticket));
                    Verdict::Later
                }
            }
            Err(error @ (TransportError::Refused { .. } | TransportError::TooLarge { .. })) => {
                lane.gate.succeeded(now);
                if entry.replaced {
                    Verdict::Lost(error.to_string())
                } else {
                    entry.replaced = true;
                    lane.ready.push_back(ticket);
                    Verdict::Replace(TaskError::permanent(format!(
                        "the result could not be delivered: {error}"
                    )))
                }
            }
            Err(error) if error.is_ambiguous() && self.ambiguous == Ambiguous::Drop => {
                lane.gate.failed(now, jitter);
                Verdict::Done
            }
            Err(_) => {
                // The way is not to blame if others went through since this one failed.
                let others_pass = entry.failed_after.is_some_and(|count| count < lane.passed);
                entry.failed_after = Some(lane.passed);
                if others_pass {
                    let again = now + entry.backoff.fail(jitter);
                    lane.later.insert((again, ticket));
                } else {
                    lane.gate.failed(now, jitter);
                    // Another one tries the way next time.
                    lane.ready.push_back(ticket);
                }
                Verdict::Later
            }
        };
        if matches!(verdict, Verdict::Done | Verdict::Lost(_)) {
            self.entries.remove(&ticket);
        }
        verdict
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
