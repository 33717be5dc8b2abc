//! Where the worker counts. Handles of counters are kept, so that counting is an
//! addition and no search.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::families::{Asked, At, Delivery, Ending, Failure, Families, OfTask};
use super::moved::Moved;
use super::states::States;
use crate::status::{Exchange, Vitals, WorkerStatus};
use crate::storage::Transfers;
use crate::task::{ErrorCode, Outcome};
use crate::transport::TransportError;

/// All metrics of a worker.
#[derive(Debug)]
pub(crate) struct Meters {
    families: Families,
    is_on: bool,
    tasks: HashMap<String, Arc<TaskMeter>>,
    states: States,
    registry: Registry,
    delivered: Counter,
    put_off: Counter,
    lost: Counter,
}

impl Default for Meters {
    fn default() -> Self {
        Self::new([], true)
    }
}

#[derive(Debug)]
struct TaskMeter {
    task: String,
    errors: Family<Failure, Counter>,
    queued: Histogram,
    ran: Histogram,
    completed: Counter,
    failed: Counter,
    cancelled: Counter,
    interrupted: Counter,
}

/// A task on its way.
#[derive(Debug)]
pub(crate) struct Start(Option<Arc<TaskMeter>>);

impl Meters {
    /// Unless it is on, states are told, but nothing is counted.
    pub(crate) fn new<'a>(tasks: impl IntoIterator<Item = &'a str>, is_on: bool) -> Self {
        let families = Families::new();
        let states = States::default();
        let mut registry = Registry::default();
        families.register(&mut registry);
        states.register(&mut registry);
        #[cfg(feature = "logging")]
        registry.register_collector(Box::new(super::log::LostLines));
        let results = |end| families.results.get_or_create_owned(&Delivery { end });
        Self {
            is_on,
            tasks: tasks
                .into_iter()
                .filter(|_| is_on)
                .map(|task| (task.to_owned(), Arc::new(TaskMeter::new(&families, task))))
                .collect(),
            delivered: results("delivered"),
            put_off: results("put_off"),
            lost: results("lost"),
            families,
            states,
            registry,
        }
    }

    /// Also tells what is moved from and to the object storage.
    pub(crate) fn watch(&mut self, transfers: Option<&Transfers>) {
        if let Some(transfers) = transfers {
            let moved = Moved(transfers.clone());
            self.registry.register_collector(Box::new(moved));
        }
    }

    pub(crate) fn link(&self, orchestrator: &str) -> LinkMeter {
        let meter = || LinkMeters::new(&self.families, orchestrator);
        LinkMeter(self.is_on.then(meter))
    }

    /// A task came for the handler of that name, which is that of a pattern if it is for
    /// several queues.
    pub(crate) fn task_came(&self, task: &str) -> Start {
        Start(self.tasks.get(task).cloned())
    }

    pub(crate) fn result(&self, end: &'static str) {
        if !self.is_on {
            return;
        }
        match end {
            "delivered" => self.delivered.inc(),
            "lost" => self.lost.inc(),
            _ => self.put_off.inc(),
        };
    }

    /// All numbers as `OpenMetrics` text.
    /// Without vitals, those of the last time count.
    pub(crate) fn text(&self, status: &WorkerStatus, vitals: Option<&Vitals>) -> String {
        self.states.set(status, vitals);
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// The same in the older text format.
    #[cfg(feature = "health")]
    pub(crate) fn plain_text(&self, status: &WorkerStatus, vitals: Option<&Vitals>) -> String {
        super::plain::from_open_metrics(&self.text(status, vitals))
    }
}

impl TaskMeter {
    fn new(families: &Families, task: &str) -> Self {
        let of = OfTask {
            task: task.to_owned(),
        };
        let ended = |outcome| {
            families.tasks.get_or_create_owned(&Ending {
                task: task.to_owned(),
                outcome,
            })
        };
        Self {
            task: task.to_owned(),
            errors: families.errors.clone(),
            queued: families.queued.get_or_create_owned(&of),
            ran: families.ran.get_or_create_owned(&of),
            completed: ended("completed"),
            failed: ended("failed"),
            cancelled: ended("cancelled"),
            interrupted: ended("interrupted"),
        }
    }
}

impl TaskMeter {
    /// Failures are rare enough to look for their counter.
    fn failed(&self, code: &ErrorCode) {
        let code = match code {
            ErrorCode::Custom(_) => "custom",
            known => known.as_str(),
        };
        let failure = Failure {
            task: self.task.clone(),
            code: code.to_owned(),
        };
        self.errors.get_or_create(&failure).inc();
    }
}

impl Start {
    pub(crate) fn began(&self, waited: Duration) {
        if let Some(meter) = &self.0 {
            meter.queued.observe(waited.as_secs_f64());
        }
    }

    pub(crate) fn ended(&self, outcome: &Outcome, took: Option<Duration>) {
        let Some(meter) = &self.0 else { return };
        match outcome {
            Outcome::Completed(_) => meter.completed.inc(),
            Outcome::Failed(error) => {
                meter.failed(error.code());
                meter.failed.inc()
            }
            Outcome::Cancelled => meter.cancelled.inc(),
            Outcome::Interrupted(_) => meter.interrupted.inc(),
        };
        if let Some(took) = took {
            meter.ran.observe(took.as_secs_f64());
        }
    }
}

/// The requests to one orchestrator, if they are counted.
#[derive(Debug)]
pub(crate) struct LinkMeter(Option<LinkMeters>);

#[derive(Debug)]
struct LinkMeters {
    polls: Answers,
    empty_polls: Counter,
    cut_polls: Counter,
    heartbeats: Answers,
    beat_times: Histogram,
    registrations: Answers,
    deliveries: Answers,
}

#[derive(Debug)]
struct Answers {
    good: Counter,
    rate_limited: Counter,
    error: Counter,
}

impl LinkMeters {
    fn new(families: &Families, orchestrator: &str) -> Self {
        let orchestrator = orchestrator.to_owned();
        let at = At {
            orchestrator: orchestrator.clone(),
        };
        let asked = |answer| Asked {
            orchestrator: orchestrator.clone(),
            answer,
        };
        let answers = |family: &prometheus_client::metrics::family::Family<Asked, Counter>,
                       good| Answers {
            good: family.get_or_create_owned(&asked(good)),
            rate_limited: family.get_or_create_owned(&asked("rate_limited")),
            error: family.get_or_create_owned(&asked("error")),
        };
        Self {
            polls: answers(&families.polls, "task"),
            empty_polls: families.polls.get_or_create_owned(&asked("empty")),
            cut_polls: families.polls.get_or_create_owned(&asked("cut")),
            heartbeats: answers(&families.heartbeats, "ok"),
            beat_times: families.beat_times.get_or_create_owned(&at),
            registrations: answers(&families.registrations, "ok"),
            deliveries: answers(&families.deliveries, "ok"),
        }
    }

    fn of(&self, kind: Exchange) -> &Answers {
        match kind {
            Exchange::Poll => &self.polls,
            Exchange::Heartbeat => &self.heartbeats,
            Exchange::Registration => &self.registrations,
            Exchange::Result => &self.deliveries,
        }
    }
}

impl LinkMeter {
    pub(crate) fn answered(&self, kind: Exchange, found: bool, took: Duration) {
        let Some(meters) = &self.0 else { return };
        match (kind, found) {
            (Exchange::Poll, false) => meters.empty_polls.inc(),
            _ => meters.of(kind).good.inc(),
        };
        if kind == Exchange::Heartbeat {
            meters.beat_times.observe(took.as_secs_f64());
        }
    }

    pub(crate) fn failed(&self, kind: Exchange, error: &TransportError) {
        let Some(meters) = &self.0 else { return };
        let answers = meters.of(kind);
        match error {
            TransportError::PollCut { .. } => meters.cut_polls.inc(),
            TransportError::RateLimited { .. } => answers.rate_limited.inc(),
            _ => answers.error.inc(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::StatusBoard;
    use crate::task::{Interruption, Reply, TaskError};

    #[test]
    fn every_end_of_a_task_has_a_counter_of_its_own() {
        let meters = Meters::new(["t"], true);
        for outcome in [
            Outcome::Completed(Reply::success(&()).unwrap()),
            Outcome::Failed(TaskError::transient("no")),
            Outcome::Cancelled,
            Outcome::Interrupted(Interruption::ShutDown),
        ] {
            meters.task_came("t").ended(&outcome, None);
        }
        let text = meters.text(&StatusBoard::new([], ["t"], true).read(), None);
        for outcome in ["completed", "failed", "cancelled", "interrupted"] {
            let line = format!("axon_tasks_total{{task=\"t\",outcome=\"{outcome}\"}} 1\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert_eq!(text.matches("axon_task_errors_total{").count(), 1);
    }
}
