//! How many tasks, how often, and what becomes of their results.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How many tasks, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Intake {
    /// `MAX_CONCURRENT_TASKS`: the global limit, at least 1.
    pub max_concurrent_tasks: usize,
    /// `AXON_TASK_TYPE_LIMITS`: limit by task type; 0 turns a type off.
    pub task_type_limits: BTreeMap<String, usize>,
    /// `AXON_MAX_OPEN_POLLS`: the most polls open at once, at least 1.
    pub max_open_polls: usize,
    /// `AXON_PARKING_LOT`: how many tasks may wait for a slot of their type before
    /// the worker stops polling; at least as many as orchestrators are polled at once. They
    /// take no slot from tasks that could run.
    pub parking_lot: usize,
    /// `AXON_HANDLER_THREADS`: threads that run async handlers; as many as there
    /// are cores unless set.
    pub handler_threads: usize,
    /// `AXON_BLOCKING_THREADS`: the most threads of blocking handlers; 0 means as
    /// many as `max_concurrent_tasks`.
    pub blocking_threads: usize,
    /// `AXON_MIN_FREE_MEMORY`: with less memory than this left, in bytes, no more tasks are
    /// taken.
    pub min_free_memory: u64,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            max_concurrent_tasks: 10,
            task_type_limits: BTreeMap::new(),
            max_open_polls: 8,
            parking_lot: 1,
            handler_threads: std::thread::available_parallelism().map_or(2, usize::from),
            blocking_threads: 0,
            min_free_memory: 0,
        }
    }
}

/// Intervals and time limits. Variables give them in seconds, fractions allowed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// `HEARTBEAT_INTERVAL`.
    pub heartbeat_interval: Duration,
    /// `WORKER_HEARTBEAT_DEBOUNCE_DELAY`: how long changes are gathered before a heartbeat tells them.
    pub heartbeat_debounce: Duration,
    /// `WORKER_HEARTBEAT_COOLDOWN`: where heartbeats are counted (RXON 1.0b17), the mean time
    /// between those that change nothing about which tasks are taken, after a few in a row.
    pub heartbeat_cooldown: Duration,
    /// `TASK_POLL_TIMEOUT`: how long the orchestrator holds a poll; requests wait 5 s longer.
    pub poll_timeout: Duration,
    /// `TASK_POLL_ERROR_DELAY`: the longest wait after a failed poll, of a backoff that starts small.
    pub poll_error_delay: Duration,
    /// `IDLE_POLL_DELAY`: pause between a poll that brought nothing and the next.
    pub idle_poll_delay: Duration,
    /// `REGISTRATION_RETRY_INITIAL_DELAY`.
    pub registration_retry_initial_delay: Duration,
    /// `REGISTRATION_RETRY_MAX_DELAY`.
    pub registration_retry_max_delay: Duration,
    /// `POLL_BACKOFF_INITIAL`.
    pub poll_backoff_initial: Duration,
    /// `POLL_BACKOFF_MAX`.
    pub poll_backoff_max: Duration,
    /// `POLL_BACKOFF_FACTOR`.
    pub poll_backoff_factor: f64,
    /// `RATE_LIMIT_BACKOFF_FLOOR`: the least silence after a 429 without Retry-After.
    pub rate_limit_floor: Duration,
    /// `AXON_REQUEST_TIMEOUT`: limit of every request but polls.
    pub request_timeout: Duration,
    /// `AXON_CANCEL_GRACE`: time a cancelled handler has to end by itself, if it asked for the
    /// cancel, blocks, or the worker shuts down.
    pub cancel_grace: Duration,
    /// `WORKER_SHUTDOWN_TIMEOUT`: time for the whole end, about half of it for running tasks.
    pub shutdown_timeout: Duration,
    /// `AXON_DRAIN_POLL_WAIT`: how long open polls are awaited at shutdown once
    /// the orchestrator knows that we take no more, within `shutdown_timeout`; at most 1 s
    /// without a fixed worker id and a journal.
    pub drain_poll_wait: Duration,
    /// `AXON_DRAIN_RESULTS_WAIT`: how long undelivered results are tried at shutdown,
    /// within `shutdown_timeout`.
    pub drain_results_wait: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            heartbeat_interval: seconds(15),
            heartbeat_debounce: Duration::from_millis(100),
            heartbeat_cooldown: seconds(2),
            poll_timeout: seconds(30),
            poll_error_delay: seconds(5),
            idle_poll_delay: Duration::from_millis(10),
            registration_retry_initial_delay: seconds(1),
            registration_retry_max_delay: seconds(60),
            poll_backoff_initial: seconds(1),
            poll_backoff_max: seconds(60),
            poll_backoff_factor: 2.0,
            rate_limit_floor: seconds(30),
            request_timeout: seconds(10),
            cancel_grace: seconds(5),
            shutdown_timeout: seconds(25),
            drain_poll_wait: seconds(30),
            drain_results_wait: seconds(10),
        }
    }
}

/// The longest time, as for variables.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

impl Timing {
    /// What is wrong with times that were given in code, as it would be with variables.
    pub(crate) fn problems(&self) -> Vec<String> {
        let times = [
            ("heartbeat_interval", self.heartbeat_interval, true),
            ("heartbeat_debounce", self.heartbeat_debounce, false),
            ("heartbeat_cooldown", self.heartbeat_cooldown, false),
            ("poll_timeout", self.poll_timeout, true),
            ("poll_error_delay", self.poll_error_delay, false),
            ("idle_poll_delay", self.idle_poll_delay, false),
            (
                "registration_retry_initial_delay",
                self.registration_retry_initial_delay,
                false,
            ),
            (
                "registration_retry_max_delay",
                self.registration_retry_max_delay,
                false,
            ),
            ("poll_backoff_initial", self.poll_backoff_initial, false),
            ("poll_backoff_max", self.poll_backoff_max, false),
            ("rate_limit_floor", self.rate_limit_floor, false),
            ("request_timeout", self.request_timeout, true),
            ("cancel_grace", self.cancel_grace, false),
            ("shutdown_timeout", self.shutdown_timeout, false),
            ("drain_poll_wait", self.drain_poll_wait, false),
            ("drain_results_wait", self.drain_results_wait, false),
        ];
        let wrong = times.into_iter().filter_map(|(name, time, is_some)| {
            if time > LONGEST {
                Some(format!("timing.{name} is more than 1e9 seconds"))
            } else if is_some && time.is_zero() {
                Some(format!("timing.{name} must be more than 0"))
            } else {
                None
            }
        });
        let mut problems: Vec<String> = wrong.collect();
        if !(self.poll_backoff_factor.is_finite() && self.poll_backoff_factor >= 1.0) {
            problems.push("timing.poll_backoff_factor must be at least 1".to_owned());
        }
        problems
    }
}

/// Retries of results.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Results {
    /// `RESULT_MAX_RETRIES`: refusals of a result before it is given up; outages do not count.
    pub max_retries: u32,
    /// `RESULT_RETRY_INITIAL_DELAY`: first wait; doubles from there.
    pub retry_initial_delay: Duration,
    /// `AXON_RESULT_AMBIGUOUS`: what follows when a result may have arrived.
    pub ambiguous: Ambiguous,
    /// `AXON_RESULTS_MAX_BYTES`: with so much undelivered no more tasks are taken.
    pub max_bytes: u64,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            max_retries: 5,
            retry_initial_delay: Duration::from_secs(1),
            ambiguous: Ambiguous::default(),
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What follows when the answer to a result got lost, so that the orchestrator may
/// have the result or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ambiguous {
    /// Send it again: never lost, but an orchestrator that does not tell a
    /// duplicate apart takes it twice.
    #[default]
    Repeat,
    /// Take it for delivered: never twice, but possibly lost.
    Drop,
}

/// What outlives the process: results without an answer, and which tasks ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalSettings {
    /// `AXON_JOURNAL`.
    pub mode: JournalMode,
    /// `AXON_JOURNAL_DIR`: its folder; unless given, one named after the worker
    /// in `state_dir`.
    pub dir: Option<PathBuf>,
    /// `AXON_JOURNAL_MAX_BYTES`: how much it may hold before the worker takes no
    /// more tasks, at least 1.
    pub max_bytes: u64,
    /// `AXON_JOURNAL_SYNC`: when it is forced to the disk.
    pub sync: JournalSync,
    /// The folder for what a program keeps, below which `dir` is unless given. Settings that
    /// were loaded have it from `STATE_DIRECTORY`, `XDG_STATE_HOME` or `HOME`; without
    /// them it is in the folder for temporary files.
    pub state_dir: PathBuf,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            mode: JournalMode::default(),
            dir: None,
            max_bytes: 256 * 1024 * 1024,
            sync: JournalSync::default(),
            state_dir: temporary_state_dir(),
        }
    }
}

/// Whether there is a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JournalMode {
    /// When the worker has a name that it will have again.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// When the journal is forced to the disk, so that it survives the machine as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JournalSync {
    /// Never: the system writes it within half a minute or so.
    #[default]
    Off,
    /// A second after a record at the latest.
    Interval,
    /// Before a handler begins.
    Always,
}

/// Returns the folder for what a program keeps where there is no better one. Users do not
/// share it.
pub(in crate::config) fn temporary_state_dir() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("axon-worker-{user}"))
}
