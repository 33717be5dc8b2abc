//! Logs of a program that is a worker, as the environment wants them (feature `logging`).
//!
//! | Variable | |
//! |---|---|
//! | `LOG_LEVEL` | a level (`info` by default), or directives such as `info,axon_worker=debug` |
//! | `LOG_FORMAT` | `text` for people, or `json`: one object a line |
//!
//! ```no_run
//! use axon_worker::{RawJson, TaskError, Worker, logging};
//!
//! async fn echo(params: RawJson) -> Result<RawJson, TaskError> {
//!     Ok(params)
//! }
//!
//! #[actix_rt::main]
//! async fn main() -> axon_worker::Result<()> {
//!     logging::init()?;
//!     Worker::builder("echo").task("echo", echo).run().await
//! }
//! ```
//!
//! With the feature `otlp`, and an address of a collector in the environment,
//! [`init`] also has traces and metrics exported, see `axon_worker::otlp`.
//!
//! All that is logged while a task runs carries `task_id`, `job_id`, `kind` (the name of
//! the task), `orchestrator` and, if the task belongs to a trace, `trace_id`. In JSON they
//! stand beside the fields of the event itself, so that a filter needs no path:
//!
//! ```json
//! {"timestamp":"2026-01-01T12:00:00.000001Z","level":"WARN","target":"axon_worker::actors::supervisor","message":"task failed","span":"task","error":"...","job_id":"j","kind":"resize","orchestrator":"http://o:8080","seconds":0.1,"task_id":"t"}
//! ```

//!
//! **The log never blocks a thread of the worker.** Lines go into a bounded queue, which a
//! thread of its own writes to standard output. When nobody reads the output, or a disk is
//! full, lines are dropped, counted ([`lost_lines`], the metric `axon_log_lines_lost`) and,
//! when it takes lines again, told. At the end of the program what is left is written out
//! for at most a second. A subscriber of your own is to keep that promise as well: give its
//! layers [`writer`].
//!
//! A panic is logged as an error, with the fields of the task it happened in, rather than
//! printed by the standard library.

mod json;
mod notice;
mod panics;
mod writer;

use std::io::IsTerminal;

use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{ConfigError, Kind, LogFormat, LoggingSettings, Problem, Settings, Variable};
use crate::error::{Error, Result};
use json::FlatJson;

pub(crate) use writer::FLUSH_LIMIT;
pub use writer::{LogWriter, flush, lost_lines, writer};

/// A layer of a subscriber of one's own.
pub type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Sets the subscriber of this program up as the environment says, or the file that
/// `AXON_WORKER_CONFIG` names. Lines go to standard output, and panics to the log: a panic
/// hook of your own is to be set afterwards.
///
/// What is logged last is written before the process ends, if this was called on the main
/// thread; see [`flush`].
///
/// # Errors
/// A wrong `LOG_LEVEL` or `LOG_FORMAT`, named; [`Error::SubscriberSet`] when the program
/// has a subscriber, which stays; and what [`otlp::layer`](crate::otlp::layer) says.
pub fn init() -> Result<()> {
    let is_ours = |it: &Variable| it.key.starts_with("logging.") || it.key.starts_with("otlp.");
    // What is odd is told when the worker loads its settings: one warning is enough.
    init_with(&Settings::load_where(is_ours)?.settings)
}

/// [`init`] by settings that are there already.
///
/// # Errors
/// As there.
pub fn init_with(settings: &Settings) -> Result<()> {
    let is_set = |it: &tracing::Dispatch| !it.is::<tracing::subscriber::NoSubscriber>();
    if tracing::dispatcher::get_default(is_set) {
        return Err(Error::SubscriberSet);
    }
    let subscriber = Registry::default().with(layer(&settings.logging)?);
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(crate::otlp::layer(&settings.otlp)?);
    subscriber.try_init().map_err(|_| Error::SubscriberSet)?;

    panics::log_them();
    writer::flush_at_exit();
    Ok(())
}

/// The layer that writes the log, for programs with a subscriber of their own.
///
/// ```
/// use axon_worker::config::LoggingSettings;
/// use axon_worker::logging;
/// use tracing_subscriber::{Registry, layer::SubscriberExt};
///
/// let subscriber = Registry::default().with(logging::layer(&LoggingSettings::default())?);
/// # drop(subscriber);
/// # Ok::<(), axon_worker::Error>(())
/// ```
///
/// # Errors
/// When `level` is no filter; the error names `LOG_LEVEL`. [`Error::Thread`] when the system
/// gives no thread.
pub fn layer<S>(settings: &LoggingSettings) -> Result<BoxedLayer<S>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let filter = filter(&settings.level)?;
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let writer = writer()?;
    writer.notices_as_json(settings.format == LogFormat::Json);
    let lines = fmt::layer().with_writer(writer);
    Ok(match settings.format {
        LogFormat::Text => lines.with_ansi(colours).with_filter(filter).boxed(),
        LogFormat::Json => lines
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson)
            .with_filter(filter)
            .boxed(),
    })
}

fn filter(level: &str) -> std::result::Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(level).map_err(|error| {
        ConfigError::from(Problem::WrongValue {
            place: "LOG_LEVEL".to_owned(),
            expected: Kind::LogFilter.to_string(),
            got: format!("{level:?} ({error})"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_that_is_none_names_the_variable() {
        assert!(filter("info,axon_worker=debug,app[task{kind=\"a\"}]=trace").is_ok());
        let error = filter("app[task{]=info").unwrap_err().to_string();
        assert!(error.starts_with("LOG_LEVEL: expected "), "{error}");
    }
}
