//! What a process may use.

/// Limits of one process. The first three are kept by the system, the others by the
/// worker.
///
/// The limits of the system hold for each process by itself, and are handed down to the
/// processes it starts. They need [`enter`](super::enter).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Memory of its own in bytes: heap, anonymous mappings that it may write to, and the
    /// stacks of its threads (`RLIMIT_DATA` of Linux, `RLIMIT_AS` elsewhere). Addresses that
    /// are only reserved, as by node, the JVM and Go, do not count; neither do mapped files
    /// and memory that is shared with other processes. No limit by default.
    pub memory: Option<u64>,
    /// Processor time in seconds (`RLIMIT_CPU`), of the whole life of a process. No limit
    /// by default.
    pub cpu_seconds: Option<u64>,
    /// Files that are open at once (`RLIMIT_NOFILE`). By default the limit that
    /// the worker was started with; its own it raises.
    pub open_files: Option<u64>,
    /// The longest line of stdout, in bytes. 16 MiB by default.
    pub line: usize,
    /// The most bytes of stdout in one task. 1 GiB by default.
    pub output: u64,
    /// How much of the end of stderr goes into the message of an error, in bytes. 2 KiB
    /// by default.
    pub stderr: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: None,
            cpu_seconds: None,
            open_files: None,
            line: 16 << 20,
            output: 1 << 30,
            stderr: 2048,
        }
    }
}

impl Limits {
    /// Whether the system has to know of them.
    pub(crate) fn need_the_system(&self) -> bool {
        self.memory.is_some() || self.cpu_seconds.is_some() || self.open_files.is_some()
    }
}
