//! A running program: what it says, what it is told, and its end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::io::retry_on_intr;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::chatter::Chatter;
use super::exit::Exit;
use super::group::Group;
use super::limits::Limits;
use super::protocol::{Line, Lines};

/// How much of stderr is read at once.
const CHUNK: usize = 8 * 1024;

/// The most that is read from a pipe after its process has ended: more than any pipe
/// holds by default. Others that have the pipe might fill it for ever.
const LEFT_IN_PIPE: usize = 1 << 20;

/// What a process does.
#[derive(Debug)]
pub(super) enum Event {
    Line(Line),
    /// It has closed its stdout, and may be about to end. Told once.
    Silent,
    /// It has ended, and all it said was told.
    Ended(Exit),
}

/// A process, the first of its group. Dropped, it is killed with its group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Group,
    input: Option<Input>,
    /// `None` at its end.
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lines: Lines,
    ended: Option<ExitStatus>,
    /// Bytes of stdout since the task began.
    heard: u64,
    pub(super) chatter: Chatter,
}

impl Process {
    /// Starts a program in a process group of its own.
    pub(super) fn start(command: std::process::Command, limits: &Limits) -> io::Result<Self> {
        let mut command = Command::from(command);
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        let group = child.id().and_then(Group::of);
        let group = group.ok_or_else(|| io::Error::other("a process without an id"))?;
        Ok(Self {
            group,
            input: child.stdin.take().map(Input::new),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            lines: Lines::new(limits.line),
            ended: None,
            heard: 0,
            chatter: Chatter::new(limits.stderr),
        })
    }

    /// Another task begins: what is said from now on belongs to it.
    pub(super) fn begin(&mut self, span: tracing::Span) {
        self.heard = 0;
        self.chatter.begin(span);
    }

    /// Writes this to its stdin, without waiting for that.
    pub(super) fn tell(&mut self, text: Bytes) {
        if let Some(input) = &mut self.input {
            input.tell(text);
        }
    }

    /// Whether it, or what it started, has read any of what it was told last. `true` where
    /// the system cannot say.
    pub(super) fn has_read(&self) -> bool {
        self.input.as_ref().is_none_or(Input::was_read)
    }

    /// It gets no more input: its stdin ends after what it was told.
    pub(super) fn close_input(&mut self) {
        if let Some(input) = &mut self.input {
            input.close();
        }
    }

    /// Bytes of stdout in this task.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// What it does next. Cancel-safe.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            if let Some(line) = self.lines.take() {
                return Event::Line(line);
            }
            if let Some(status) = self.ended {
                return match self.lines.take_rest() {
                    Some(line) => Event::Line(line),
                    None => Event::Ended(status.into()),
                };
            }
            let mut errors = [0; CHUNK];
            tokio::select! {
                read = read_line_part(&mut self.stdout, &mut self.lines) => match read {
                    0 => {
                        self.stdout = None;
                        return Event::Silent;
                    }
                    count => self.heard += count as u64,
                },
                read = read_some(&mut self.stderr, &mut errors) => match read {
                    0 => self.stderr = None,
                    count => self.chatter.stderr(&errors[..count]),
                },
                status = self.child.wait() => {
                    self.take_what_is_left();
                    self.ended = Some(status.unwrap_or_else(|_| unknown()));
                }
            }
        }
    }

    /// Takes what stands in the pipes now, without waiting: all that the process itself
    /// wrote, if it has ended.
    pub(super) fn take_what_is_left(&mut self) {
        if let Some(stdout) = &self.stdout {
            let mut chunk = [0; CHUNK];
            for _ in 0..LEFT_IN_PIPE / CHUNK {
                match retry_on_intr(|| rustix::io::read(stdout, &mut chunk)) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => {
                        self.lines.room().extend_from_slice(&chunk[..read]);
                        self.heard += read as u64;
                    }
                }
            }
        }
        if let Some(stderr) = &self.stderr {
            let mut chunk = [0; CHUNK];
            for _ in 0..LEFT_IN_PIPE / CHUNK {
                match retry_on_intr(|| rustix::io::read(stderr, &mut chunk)) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => self.chatter.stderr(&chunk[..read]),
                }
            }
        }
    }

    /// A line that came already, without waiting for one.
    pub(super) fn line_now(&mut self) -> Option<Line> {
        self.lines.take()
    }

    /// Asks it and its group to end.
    pub(super) fn ask_to_end(&mut self) {
        self.close_input();
        self.group.signal(Signal::TERM);
    }

    /// Ends its input, and waits for it to end by itself, for at most this time.
    pub(super) async fn dismiss(&mut self, within: Duration) {
        self.close_input();
        let end = async { while !matches!(self.event().await, Event::Ended(_)) {} };
        // If it stays, stronger means follow.
        let _ = tokio::time::timeout(within, end).await;
    }

    /// Ends it and its group: SIGTERM, and SIGKILL after `grace`. Returns when nobody
    /// of them is left.
    pub(super) async fn end(mut self, grace: Duration) {
        // Who is blocked in writing to us is let go.
        self.input = None;
        self.stdout = None;
        self.stderr = None;
        self.group.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.all_gone()).await.is_err() {
            self.group.signal(Signal::KILL);
            self.all_gone().await;
        }
    }

    async fn all_gone(&mut self) {
        // An error means that somebody else has waited for it.
        let _ = self.child.wait().await;
        self.group.gone().await;
    }
}

/// The end of a process that somebody else has waited for: a failure, to be on the safe side.
fn unknown() -> ExitStatus {
    ExitStatus::from_raw(0xff00)
}

/// Reads into the lines; 0 at the end, which comes once. Waits for ever after that.
async fn read_line_part(stdout: &mut Option<ChildStdout>, lines: &mut Lines) -> usize {
    match stdout {
        Some(stdout) => stdout.read_buf(lines.room()).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

async fn read_some(stderr: &mut Option<ChildStderr>, chunk: &mut [u8]) -> usize {
    match stderr {
        Some(stderr) => stderr.read(chunk).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Writes to stdin beside everything else, as a program may answer before it has read all.
#[derive(Debug)]
struct Input {
    texts: mpsc::UnboundedSender<Bytes>,
    /// Where the last text begins, in bytes since the start of the process.
    last: u64,
    /// Where the next one will.
    end: u64,
    /// `None` when it is closed here; the writer closes it behind the last text.
    pipe: Option<Rc<Pipe>>,
    writer: AbortHandle,
}

/// The way to stdin, and how many bytes went there.
#[derive(Debug)]
struct Pipe {
    stdin: RefCell<ChildStdin>,
    written: Cell<u64>,
}

impl Input {
    fn new(stdin: ChildStdin) -> Self {
        let pipe = Rc::new(Pipe {
            stdin: RefCell::new(stdin),
            written: Cell::new(0),
        });
        let (texts, mut to_write) = mpsc::unbounded_channel::<Bytes>();
        let to = Rc::clone(&pipe);
        let writer = tokio::task::spawn_local(async move {
            while let Some(text) = to_write.recv().await {
                // It has closed its stdin or ended, which is seen elsewhere.
                if to.write_all(text).await.is_err() {
                    return;
                }
            }
        });
        Self {
            texts,
            last: 0,
            end: 0,
            pipe: Some(pipe),
            writer: writer.abort_handle(),
        }
    }

    fn tell(&mut self, text: Bytes) {
        self.last = self.end;
        self.end += text.len() as u64;
        // Whoever does not read its input may do so.
        let _ = self.texts.send(text);
    }

    fn was_read(&self) -> bool {
        self.pipe
            .as_ref()
            .and_then(|pipe| pipe.read_so_far())
            .is_none_or(|read| read > self.last)
    }

    fn close(&mut self) {
        // Without a sender the writer ends behind what was sent.
        self.texts = mpsc::unbounded_channel().0;
        self.pipe = None;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Pipe {
    /// The pipe is borrowed for a single try at a time, so that it can be looked at meanwhile.
    async fn write_all(&self, mut text: Bytes) -> io::Result<()> {
        while text.has_remaining() {
            let written = poll_fn(|cx| {
                let mut stdin = self.stdin.borrow_mut();
                Pin::new(&mut *stdin).poll_write(cx, &text)
            });
            let written = written.await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            text.advance(written);
            self.written.set(self.written.get() + written as u64);
        }
        Ok(())
    }

    /// How many bytes were taken out at the other end, also when that is closed by now.
    /// `None`: the system does not say.
    fn read_so_far(&self) -> Option<u64> {
        let stdin = self.stdin.try_borrow().ok()?;
        let unread = rustix::io::ioctl_fionread(&*stdin).ok()?;
        Some(self.written.get().saturating_sub(unread))
    }
}
