//! Lines on their way to standard output.
//!
//! Whoever reads the log may stop reading, and a disk may be full: a write then takes as long
//! as that lasts. So no thread of the worker writes. Lines go into a bounded queue, which
//! one thread writes out; what does not fit is dropped and counted.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::notice;
use crate::error::{Error, Result};

/// The most bytes that wait: some ten thousand lines.
const CAPACITY: usize = 4 << 20;
/// Pause before a write is repeated to an output that takes nothing just now.
const RETRY: Duration = Duration::from_millis(10);
/// How long the end of a program waits for its log.
pub(crate) const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The queue of this process, from the first use on.
static STDOUT: OnceLock<LogWriter> = OnceLock::new();
/// Serializes the start of the thread.
static START: Mutex<()> = Mutex::new(());

thread_local! {
    /// Held by the thread that set the log up, which is mostly the main thread: its locals
    /// are dropped when `main` returns.
    static AT_EXIT: FlushOnDrop = const { FlushOnDrop };
}

struct FlushOnDrop;

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        flush(FLUSH_LIMIT);
    }
}

/// Writes lines to standard output without ever blocking the caller, for layers of your own:
/// see [`writer`]. Each call of `write` is to be a whole line.
#[derive(Clone)]
pub struct LogWriter(Arc<Queue>);

struct Queue {
    state: Mutex<State>,
    /// There is something to write, or something was written.
    changed: Condvar,
    lost: AtomicU64,
    /// Whether the notice about lost lines is JSON.
    is_json: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lines_waiting: u64,
    /// Dropped since the last notice.
    lost: u64,
    /// Bytes that came in and that went out (or could not be written), over all time.
    came: u64,
    went: u64,
    /// How far the output was when a flush gave up on it.
    stuck_at: Option<u64>,
}

/// The writer of the log, which all layers of this process share.
///
/// ```
/// use axon_worker::logging;
/// use tracing_subscriber::{Registry, fmt, layer::SubscriberExt};
///
/// let own = fmt::layer().compact().with_writer(logging::writer()?);
/// let subscriber = Registry::default().with(own);
/// # drop(subscriber);
/// # Ok::<(), axon_worker::Error>(())
/// ```
///
/// # Errors
/// [`Error::Thread`] when the system gives no thread.
pub fn writer() -> Result<LogWriter> {
    let _one_at_a_time = START.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(writer) = STDOUT.get() {
        return Ok(writer.clone());
    }

    let writer = LogWriter::start(stdout()).map_err(Error::Thread)?;
    Ok(STDOUT.get_or_init(|| writer).clone())
}

/// Waits until everything logged so far is written, for at most `limit`. Returns `false` if
/// it is not. [`Worker::run`](crate::Worker::run) flushes at its end.
pub fn flush(limit: Duration) -> bool {
    STDOUT.get().is_none_or(|writer| writer.flush(limit))
}

/// Returns how many lines of the log were dropped because they could not be written.
pub fn lost_lines() -> u64 {
    let lost = |writer: &LogWriter| writer.0.lost.load(Ordering::Relaxed);
    STDOUT.get().map_or(0, lost)
}

/// Has the log flushed when the calling thread ends.
pub(super) fn flush_at_exit() {
    AT_EXIT.with(|_| ());
}

/// Standard output without the lock of the standard library, which a write that does not
/// return would hold.
fn stdout() -> Box<dyn Write + Send> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => Box::new(File::from(output)),
        Err(_) => Box::new(io::stdout()),
    }
}

impl LogWriter {
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            lost: AtomicU64::new(0),
            is_json: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&queue);
        thread::Builder::new()
            .name("axon-log".to_owned())
            .spawn(move || of_thread.write_out(output))?;
        Ok(Self(queue))
    }

    /// Sets the form of the notice about lost lines.
    pub(super) fn notices_as_json(&self, is_json: bool) {
        self.0.is_json.store(is_json, Ordering::Relaxed);
    }

    fn flush(&self, limit: Duration) -> bool {
        self.0.flush(limit)
    }
}

impl Queue {
    /// Held for moments only, never during a write.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        // A line longer than the whole queue may go alone.
        if !state.waiting.is_empty() && state.waiting.len() + line.len() > CAPACITY {
            drop(state);
            return self.add_lost(1);
        }

        state.waiting.extend_from_slice(line);
        state.lines_waiting += 1;
        state.came += line.len() as u64;
        drop(state);
        self.changed.notify_all();
    }

    fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        let wanted = state.came;
        // An output that was given up on, and took nothing since, is not waited for again.
        while state.went < wanted && state.stuck_at != Some(state.went) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.stuck_at = Some(state.went);
                break;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.went >= wanted
    }

    fn write_out(&self, mut output: impl Write) -> ! {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                let woken = self.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
            let batch = std::mem::take(&mut state.waiting);
            let lines = std::mem::take(&mut state.lines_waiting);
            drop(state);

            let written = write_whole(&mut output, &batch).and_then(|()| output.flush());
            match written {
                Ok(()) => self.tell_lost(&mut output),
                Err(_) => self.add_lost(lines),
            }
            self.lock().went += batch.len() as u64;
            self.changed.notify_all();
        }
    }

    /// The output takes lines: says how many are missing. Not by the queue, which may be full.
    fn tell_lost(&self, output: &mut impl Write) {
        let lost = std::mem::take(&mut self.lock().lost);
        if lost == 0 {
            return;
        }

        let notice = notice::lost_lines(lost, self.is_json.load(Ordering::Relaxed));
        let told = write_whole(output, notice.as_bytes()).and_then(|()| output.flush());
        if told.is_err() {
            self.lock().lost += lost;
        }
    }

    fn add_lost(&self, lines: u64) {
        self.lock().lost += lines;
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }
}

/// As `write_all`, but waits for outputs that are set not to block.
fn write_whole(output: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    /// Does nothing: waiting for the output is what this writer avoids. See [`flush`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// An output whose every write waits for its answer.
    struct Output {
        answers: Receiver<io::Result<()>>,
        written: Sender<String>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.answers.recv().unwrap_or(Ok(()))?;
            let text = String::from_utf8_lossy(bytes).into_owned();
            let _ = self.written.send(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled() -> (LogWriter, Sender<io::Result<()>>, Receiver<String>) {
        let (answer, answers) = mpsc::channel();
        let (sender, written) = mpsc::channel();
        let output = Output {
            answers,
            written: sender,
        };
        (LogWriter::start(output).unwrap(), answer, written)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn an_output_that_stalls_blocks_nobody_and_what_is_lost_is_told_when_it_flows_again() {
        let (mut log, answer, written) = stalled();
        let line = vec![b'x'; CAPACITY / 4];
        // The thread may have taken the first ones; four more fill the queue.
        for _ in 0..20 {
            log.write_all(&line).unwrap();
        }
        let lost = log.0.lost.load(Ordering::Relaxed);
        assert!((12..=16).contains(&lost), "{lost}");

        drop(answer);
        assert!(log.flush(LONG));
        let told = written.iter().find(|text| text.contains("lost"));
        let told = told.unwrap();
        assert!(told.contains(&format!("lines={lost}\n")), "{told}");
        assert!(log.flush(LONG));
        let told = written.try_iter().find(|text| text.contains("lost"));
        assert_eq!(told, None, "told once");
    }

    #[test]
    fn a_flush_of_a_stalled_output_ends_at_its_limit_and_the_next_at_once() {
        let (mut log, answer, written) = stalled();
        log.write_all(b"one\n").unwrap();
        assert!(!log.flush(Duration::from_millis(20)));
        // With a limit that would fail the test if it were used up.
        assert!(!log.flush(Duration::from_hours(1)));

        drop(answer);
        assert_eq!(written.recv().unwrap(), "one\n");
        log.write_all(b"two\n").unwrap();
        assert_eq!(written.recv().unwrap(), "two\n");
        assert!(log.flush(LONG));
    }

    #[test]
    fn lines_that_a_full_disk_refuses_are_counted_and_the_log_goes_on() {
        let (mut log, answer, written) = stalled();
        log.write_all(b"one\n").unwrap();
        answer.send(Err(ErrorKind::StorageFull.into())).unwrap();
        assert!(log.flush(LONG), "given up, so nothing is waited for");
        assert_eq!(log.0.lost.load(Ordering::Relaxed), 1);

        answer.send(Err(ErrorKind::WouldBlock.into())).unwrap();
        drop(answer);
        log.write_all(b"two\n").unwrap();
        assert_eq!(written.recv().unwrap(), "two\n");
        let told = written.recv().unwrap();
        assert!(told.contains("lines=1\n"), "{told}");
    }

    #[test]
    fn a_line_longer_than_the_queue_goes_alone() {
        let (mut log, answer, written) = stalled();
        drop(answer);
        let line = vec![b'x'; CAPACITY + 1];
        log.write_all(&line).unwrap();
        assert!(log.flush(LONG));
        assert_eq!(written.iter().next().unwrap().len(), line.len());
    }
}
