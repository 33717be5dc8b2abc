//! Gauges, filled when somebody asks for the numbers.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::families::At;
use crate::status::{Vitals, WorkerStatus};

type Number = Gauge<f64, AtomicU64>;

/// A state of slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

/// A state of the slots of one type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfType {
    r#type: String,
    state: &'static str,
}

/// A reason, in the words of `/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: String,
}

/// A thread of the worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnThread {
    thread: String,
}

#[derive(Debug, Default)]
pub(super) struct States {
    slots: Family<InState, Gauge>,
    type_slots: Family<OfType, Gauge>,
    registered: Family<At, Gauge>,
    open_polls: Family<At, Gauge>,
    unsent: Gauge,
    unsent_for: Number,
    abandoned: Gauge,
    hot_models: Gauge,
    draining: Gauge,
    paused: Gauge,
    held: Gauge,
    unwell: Family<Because, Gauge>,
    lag: Family<OnThread, Number>,
    stuck: Gauge,
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl States {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "axon_slots",
            "Slots: the limit, those of tasks, those of open polls, and tasks that wait for one of their type",
            self.slots.clone(),
        );
        registry.register(
            "axon_type_slots",
            "Slots of a type with a limit: the limit and the running tasks",
            self.type_slots.clone(),
        );
        registry.register(
            "axon_registered",
            "1 while the worker is registered with the orchestrator",
            self.registered.clone(),
        );
        registry.register(
            "axon_open_polls",
            "Polls that are open",
            self.open_polls.clone(),
        );
        registry.register(
            "axon_results_unsent",
            "Results that no orchestrator has acknowledged",
            self.unsent.clone(),
        );
        registry.register_with_unit(
            "axon_results_unsent_time",
            "How long there have been such results without a pause",
            Unit::Seconds,
            self.unsent_for.clone(),
        );
        registry.register(
            "axon_tasks_abandoned",
            "Tasks that were reported as ended although their handler still runs",
            self.abandoned.clone(),
        );
        registry.register(
            "axon_hot_models",
            "Models in memory",
            self.hot_models.clone(),
        );
        registry.register(
            "axon_draining",
            "1 while the worker is shutting down",
            self.draining.clone(),
        );
        registry.register(
            "axon_paused",
            "1 while the worker was told to take no tasks",
            self.paused.clone(),
        );
        registry.register(
            "axon_held",
            "1 while the worker takes no tasks by itself: old results go out first, too many are undelivered, or the journal is full",
            self.held.clone(),
        );
        registry.register(
            "axon_unwell",
            "1 while the worker takes no tasks for the state it is in: its disk, memory, open files, or a check of its user's; there is none otherwise",
            self.unwell.clone(),
        );
        registry.register_with_unit(
            "axon_loop_lag",
            "How long a thread took to come round to a message, asked at each scrape; 1 when it did not",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register(
            "axon_threads_stuck",
            "Threads that did not answer within a second",
            self.stuck.clone(),
        );
    }

    /// Without vitals, those of the last time stay.
    pub(super) fn set(&self, status: &WorkerStatus, vitals: Option<&Vitals>) {
        let capacity = &status.capacity;
        for (state, number) in [
            ("limit", capacity.limit),
            ("tasks", capacity.tasks),
            ("polls", capacity.polls),
            ("parked", capacity.parked),
        ] {
            self.slots
                .get_or_create(&InState { state })
                .set(count(number));
        }
        for kind in &capacity.types {
            for (state, number) in [("limit", kind.limit), ("running", kind.running)] {
                let of = OfType {
                    r#type: kind.name.to_string(),
                    state,
                };
                self.type_slots.get_or_create(&of).set(count(number));
            }
        }
        for link in &status.orchestrators {
            let at = At {
                orchestrator: link.name.to_string(),
            };
            self.registered
                .get_or_create(&at)
                .set(i64::from(link.registered));
            self.open_polls
                .get_or_create(&at)
                .set(count(link.open_polls));
        }
        self.unsent.set(count(status.unsent));
        self.unsent_for
            .set(status.unsent_for.unwrap_or_default().as_secs_f64());
        self.abandoned.set(count(status.abandoned));
        self.hot_models.set(count(status.hot_cache.len()));
        self.draining.set(i64::from(status.draining));
        self.paused.set(i64::from(status.paused));
        self.held.set(i64::from(status.held));
        // No more than one at a time: reasons may be any text.
        self.unwell.clear();
        if let Some(reason) = &status.unwell {
            let reason = reason.to_string();
            self.unwell.get_or_create(&Because { reason }).set(1);
        }
        if let Some(vitals) = vitals {
            self.set_vitals(vitals);
        }
    }

    fn set_vitals(&self, vitals: &Vitals) {
        let handlers = vitals.handlers.iter().enumerate();
        let threads = std::iter::once(("control".to_owned(), vitals.control))
            .chain(handlers.map(|(place, lag)| (format!("handler-{place}"), *lag)));
        for (thread, lag) in threads {
            let lag = lag.unwrap_or(Duration::from_secs(1)).as_secs_f64();
            self.lag.get_or_create(&OnThread { thread }).set(lag);
        }
        let stuck = vitals.stuck_handlers() + usize::from(vitals.is_stuck());
        self.stuck.set(count(stuck));
    }
}
