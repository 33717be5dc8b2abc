//! The metrics themselves: names, labels, buckets.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// A task, by the name of its handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfTask {
    pub(super) task: String,
}

/// A task and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ending {
    pub(super) task: String,
    pub(super) outcome: &'static str,
}

/// A task and the code of its failure; codes of handlers' own are all one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Failure {
    pub(super) task: String,
    pub(super) code: String,
}

/// An orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct At {
    pub(super) orchestrator: String,
}

/// An orchestrator and what came of asking it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Asked {
    pub(super) orchestrator: String,
    pub(super) answer: &'static str,
}

/// What became of an attempt to deliver a result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Delivery {
    pub(super) end: &'static str,
}

pub(super) type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is counted where it happens.
#[derive(Debug, Clone)]
pub(super) struct Families {
    pub(super) tasks: Family<Ending, Counter>,
    pub(super) errors: Family<Failure, Counter>,
    pub(super) queued: Times<OfTask>,
    pub(super) ran: Times<OfTask>,
    pub(super) polls: Family<Asked, Counter>,
    pub(super) heartbeats: Family<Asked, Counter>,
    pub(super) beat_times: Times<At>,
    pub(super) registrations: Family<Asked, Counter>,
    pub(super) deliveries: Family<Asked, Counter>,
    pub(super) results: Family<Delivery, Counter>,
}

/// From 0.1 ms to 27 minutes, each four times the one before.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 4.0, 13))
}

impl Families {
    pub(super) fn new() -> Self {
        Self {
            tasks: Family::default(),
            errors: Family::default(),
            queued: Family::new_with_constructor(times),
            ran: Family::new_with_constructor(times),
            polls: Family::default(),
            heartbeats: Family::default(),
            beat_times: Family::new_with_constructor(times),
            registrations: Family::default(),
            deliveries: Family::default(),
            results: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "axon_tasks",
            "Tasks that have ended, by handler and outcome",
            self.tasks.clone(),
        );
        registry.register(
            "axon_task_errors",
            "Tasks that have failed, by handler and code; custom: a code of the handler's own",
            self.errors.clone(),
        );
        registry.register(
            "axon_build",
            "The version of the framework",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register_with_unit(
            "axon_task_queue",
            "From the arrival of a task to the call of its handler",
            Unit::Seconds,
            self.queued.clone(),
        );
        registry.register_with_unit(
            "axon_task_run",
            "Time in the handler",
            Unit::Seconds,
            self.ran.clone(),
        );
        registry.register(
            "axon_polls",
            "Polls by answer: task, empty, rate_limited, error",
            self.polls.clone(),
        );
        registry.register(
            "axon_heartbeats",
            "Heartbeats by answer: ok, rate_limited, error",
            self.heartbeats.clone(),
        );
        registry.register_with_unit(
            "axon_heartbeat_time",
            "From sending a heartbeat to its answer",
            Unit::Seconds,
            self.beat_times.clone(),
        );
        registry.register(
            "axon_registrations",
            "Registrations by answer: ok, rate_limited, error",
            self.registrations.clone(),
        );
        registry.register(
            "axon_result_requests",
            "Requests that carry a result, by answer: ok, rate_limited, error",
            self.deliveries.clone(),
        );
        registry.register(
            "axon_results",
            "Results: delivered, lost, or put off for another attempt",
            self.results.clone(),
        );
    }
}
