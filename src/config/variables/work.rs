//! How much work at once, at what pace, what becomes of results, and how it ends.

use super::{SECONDS, SOME_SECONDS, SWITCH, Variable, whole};
use crate::config::kind::Kind;
use crate::config::shapes::{MAX_TASKS, limits};
use crate::config::{Ambiguous, JournalMode, JournalSync};

const LOSSES: Kind = Kind::OneOf(&["repeat", "drop"]);
const LIMITS: Kind = Kind::Json {
    shape: "an object of whole numbers from 0 by task type",
    lenient: false,
};

pub(super) const WORK: &[Variable] = table! {
    "MAX_CONCURRENT_TASKS" "intake.max_concurrent_tasks" "10" whole(1, MAX_TASKS)
        => Size |d, v| d.settings.intake.max_concurrent_tasks = v,
        "The most tasks that run at once.";
    "AXON_TASK_TYPE_LIMITS" "intake.task_type_limits" "{}" LIMITS
        => Json limits,
        "The most tasks of a type that run at once, by type; 0 turns a type off.";
    "AXON_MAX_OPEN_POLLS" "intake.max_open_polls" "8" whole(1, 10_000)
        => Size |d, v| d.settings.intake.max_open_polls = v,
        "The most polls that are open at once.";
    "AXON_PARKING_LOT" "intake.parking_lot" "1" whole(0, MAX_TASKS)
        => Size |d, v| d.settings.intake.parking_lot = v,
        "How many tasks may wait for a slot of their type before polling pauses. Other workers could run them.";
    "AXON_HANDLER_THREADS" "intake.handler_threads" "(number of cores)" whole(1, 1024)
        => Size |d, v| d.settings.intake.handler_threads = v,
        "Threads that run async handlers.";
    "AXON_BLOCKING_THREADS" "intake.blocking_threads" "0" whole(0, 10_000)
        => Size |d, v| d.settings.intake.blocking_threads = v,
        "The most threads of blocking handlers; 0 means as many as `MAX_CONCURRENT_TASKS`.";
    "AXON_MIN_FREE_MEMORY" "intake.min_free_memory" "0" Kind::Bytes
        => Bytes |d, v| d.settings.intake.min_free_memory = v,
        "With less memory than this left, on the machine or in a control group with a limit, the worker takes no more tasks; 0 asks for none.";

    "HEARTBEAT_INTERVAL" "timing.heartbeat_interval" "15" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_interval = v,
        "The longest time between two periodic heartbeats; they come up to a tenth early, so that workers do not stay in step.";
    "WORKER_HEARTBEAT_DEBOUNCE_DELAY" "timing.heartbeat_debounce" "0.1" SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_debounce = v,
        "How long changes are gathered before one heartbeat tells them.";
    "WORKER_HEARTBEAT_COOLDOWN" "timing.heartbeat_cooldown" "2" SECONDS
        => Seconds |d, v| d.settings.timing.heartbeat_cooldown = v,
        "Mean time between heartbeats that change nothing about which tasks are taken, after a few in a row (RXON 1.0b17).";
    "TASK_POLL_TIMEOUT" "timing.poll_timeout" "30" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.poll_timeout = v,
        "How long the orchestrator holds a poll; the request waits 5 s longer.";
    "TASK_POLL_ERROR_DELAY" "timing.poll_error_delay" "5" SECONDS
        => Seconds |d, v| d.settings.timing.poll_error_delay = v,
        "The longest wait after a failed poll.";
    "IDLE_POLL_DELAY" "timing.idle_poll_delay" "0.01" SECONDS
        => Seconds |d, v| d.settings.timing.idle_poll_delay = v,
        "Pause between a poll that brought nothing and the next.";
    "POLL_BACKOFF_INITIAL" "timing.poll_backoff_initial" "1" SECONDS
        => Seconds |d, v| d.settings.timing.poll_backoff_initial = v,
        "First wait of the back-off of polls.";
    "POLL_BACKOFF_MAX" "timing.poll_backoff_max" "60" SECONDS
        => Seconds |d, v| d.settings.timing.poll_backoff_max = v,
        "Longest wait of the back-off of polls.";
    "POLL_BACKOFF_FACTOR" "timing.poll_backoff_factor" "2" Kind::Number { min: 1 }
        => Number |d, v| d.settings.timing.poll_backoff_factor = v,
        "How much longer each wait is than the one before.";
    "RATE_LIMIT_BACKOFF_FLOOR" "timing.rate_limit_floor" "30" SECONDS
        => Seconds |d, v| d.settings.timing.rate_limit_floor = v,
        "The least silence after a 429 that says no `Retry-After`.";
    "REGISTRATION_RETRY_INITIAL_DELAY" "timing.registration_retry_initial_delay" "1" SECONDS
        => Seconds |d, v| d.settings.timing.registration_retry_initial_delay = v,
        "First wait after a failed registration.";
    "REGISTRATION_RETRY_MAX_DELAY" "timing.registration_retry_max_delay" "60" SECONDS
        => Seconds |d, v| d.settings.timing.registration_retry_max_delay = v,
        "Longest wait after a failed registration.";
    "RESULT_MAX_RETRIES" "results.max_retries" "5" whole(0, MAX_TASKS)
        => U32 |d, v| d.settings.results.max_retries = v,
        "Refusals of a result before it is given up; outages do not count.";
    "RESULT_RETRY_INITIAL_DELAY" "results.retry_initial_delay" "1" SECONDS
        => Seconds |d, v| d.settings.results.retry_initial_delay = v,
        "First wait before a result is sent again; it doubles from there.";
    "AXON_RESULT_AMBIGUOUS" "results.ambiguous" "repeat" LOSSES
        => Choice |d, v| d.settings.results.ambiguous = [Ambiguous::Repeat, Ambiguous::Drop][v],
        "What follows when the answer to a result is lost: `repeat` may deliver it twice, `drop` not at all.";
    "AXON_RESULTS_MAX_BYTES" "results.max_bytes" "67108864" whole(1, u32::MAX)
        => U32 |d, v| d.settings.results.max_bytes = v.into(),
        "With so many bytes of undelivered results the worker takes no more tasks.";
    "AXON_JOURNAL" "journal.mode" "auto" SWITCH
        => Choice |d, v| d.settings.journal.mode = [JournalMode::Auto, JournalMode::On, JournalMode::Off][v],
        "Whether results and running tasks are recorded on disk; `auto` does so when `WORKER_ID` is set.";
    "AXON_JOURNAL_DIR" "journal.dir" "(`journal/<WORKER_ID>` in the folder for state)" Kind::Path
        => Text |d, v| d.settings.journal.dir = Some(v.into()),
        "Folder of the journal, for one worker alone.";
    "AXON_JOURNAL_MAX_BYTES" "journal.max_bytes" "268435456" whole(1, u32::MAX)
        => U32 |d, v| d.settings.journal.max_bytes = v.into(),
        "How much the journal may hold before the worker takes no more tasks.";
    "AXON_JOURNAL_SYNC" "journal.sync" "off" Kind::OneOf(&["off", "interval", "always"])
        => Choice |d, v| d.settings.journal.sync = [JournalSync::Off, JournalSync::Interval, JournalSync::Always][v],
        "When the journal is forced to the disk: never, a second later, or before a handler begins.";
    "AXON_REQUEST_TIMEOUT" "timing.request_timeout" "10" SOME_SECONDS
        => Seconds |d, v| d.settings.timing.request_timeout = v,
        "Limit of every request but polls.";

    "AXON_CANCEL_GRACE" "timing.cancel_grace" "5" SECONDS
        => Seconds |d, v| d.settings.timing.cancel_grace = v,
        "Time a cancelled handler has to end by itself, if it asked for the cancel, \
         blocks, or the worker shuts down.";
    "WORKER_SHUTDOWN_TIMEOUT" "timing.shutdown_timeout" "25" SECONDS
        => Seconds |d, v| d.settings.timing.shutdown_timeout = v,
        "Time for the whole end, about half of it for running tasks; see docs/deploying.md for what fits where.";
    "AXON_DRAIN_POLL_WAIT" "timing.drain_poll_wait" "30" SECONDS
        => Seconds |d, v| d.settings.timing.drain_poll_wait = v,
        "How long open polls are awaited at shutdown, within `WORKER_SHUTDOWN_TIMEOUT`; at most 1 s without `WORKER_ID` and a journal.";
    "AXON_DRAIN_RESULTS_WAIT" "timing.drain_results_wait" "10" SECONDS
        => Seconds |d, v| d.settings.timing.drain_results_wait = v,
        "How long undelivered results are tried at shutdown, within `WORKER_SHUTDOWN_TIMEOUT`.";
};
