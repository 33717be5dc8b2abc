//! What can go wrong when a worker is built, started or run.

use std::io;

use crate::id::InvalidIdentifier;

/// Short for a result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a worker could not be built or started.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration has problems, all of which are told.
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
    /// What was given to the builder does not fit together; each problem is told.
    #[error("the worker cannot be built: {}", .0.join("; "))]
    Build(Vec<String>),
    /// A name is not allowed.
    #[error(transparent)]
    Identifier(#[from] InvalidIdentifier),
    /// The port of the health server cannot be had.
    #[error("the health server cannot listen on port {port} (WORKER_PORT, WORKER_HOST): {error}")]
    HealthPort {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The journal cannot be had.
    #[error(transparent)]
    Journal(#[from] crate::storage::JournalError),
    /// The system gives no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The limit of open files is too low for the threads of the worker.
    #[error(
        "the limit of open files (ulimit -n) is {limit}, and a worker with {handler_threads} \
         handler threads needs at least {needed}: raise the limit, or set AXON_HANDLER_THREADS \
         to less"
    )]
    OpenFiles {
        /// The limit, after it was raised as far as it may be.
        limit: u64,
        /// The least that is needed.
        needed: u64,
        /// The threads that were asked for.
        handler_threads: usize,
    },
    /// [`Worker::spawn_local`](crate::Worker::spawn_local) was called outside an actix
    /// `System`.
    #[error(
        "spawn_local needs an actix System on this thread: begin with #[actix_rt::main] or \
         #[actix_rt::test], or use Worker::spawn or Worker::run, which work in any runtime"
    )]
    NoSystem,
    /// The worker ended while it started; its log says why.
    #[error("the worker ended while it started")]
    Start,
    /// The worker has ended, but not everything ended with it: results are unsent,
    /// or handlers did not stop.
    #[error("the worker did not end cleanly: {0}")]
    Unclean(crate::worker::DrainReport),
    /// The program has a subscriber or a logger already; `LOG_LEVEL` and `LOG_FORMAT` have
    /// no effect.
    #[error(
        "logs are not set up by LOG_LEVEL and LOG_FORMAT: the program has a subscriber already"
    )]
    SubscriberSet,
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] io::Error),
}

/// The same text as `Display`: this is what `main` prints when it returns an error.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
