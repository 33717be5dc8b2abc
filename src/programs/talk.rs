//! The talk with a process about one task: what it says is passed on, until it answers,
//! ends, makes a mistake or the task is called off.

use std::pin::pin;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::exit::Exit;
use super::order::Order;
use super::process::{Event, Process};
use super::program::Ready;
use super::protocol::{Answer, Line, Message, OtherKeys, Payload, Read, read};
use crate::task::{ErrorCode, TaskContext, TaskError};

/// How much of what was printed beside messages is kept, in case it is a message that was
/// not understood, in bytes.
const LOOKED_AT: usize = 64 * 1024;

/// How a talk ended.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(Answer),
    CalledOff,
    Exited(Exit),
    /// The process cannot be trusted any more.
    Broken(TaskError),
}

/// The talk about one task.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    program: &'a Ready,
    /// Lines so far.
    lines: u64,
    /// What a program of one task printed beside messages, in case it is a JSON document.
    /// `None` when it is too long for that.
    printed: Option<Vec<u8>>,
    has_said_something: bool,
    passed_over: PassedOver,
    /// Progress made no sense, and this was told.
    doubts_progress: bool,
    answered: bool,
}

/// The first JSON object that was no message: perhaps it was meant as one.
#[derive(Debug)]
enum PassedOver {
    Nothing,
    /// Not told yet, as it may be the one document that is the result.
    Kept {
        line: u64,
        keys: OtherKeys,
    },
    Told,
}

impl<'a> Talk<'a> {
    pub(super) fn new(program: &'a Ready) -> Self {
        Self {
            program,
            lines: 0,
            printed: program.is_once().then(Vec::new),
            has_said_something: false,
            passed_over: PassedOver::Nothing,
            doubts_progress: false,
            answered: false,
        }
    }

    /// Talks until something of importance happens.
    pub(super) async fn run(&mut self, process: &mut Process, order: &Order) -> Ended {
        let mut called_off = pin!(order.called_off());
        loop {
            tokio::select! {
                biased;
                () = &mut called_off => return Ended::CalledOff,
                ended = self.step(process, &order.task) => if let Some(ended) = ended {
                    return ended;
                },
            }
        }
    }

    /// Ends the process of a task that is called off, and returns when nothing of it is
    /// left. A program that ends by itself may have an answer all the same.
    pub(super) async fn called_off(
        &mut self,
        mut process: Process,
        task: &TaskContext,
    ) -> Option<Answer> {
        let (began, grace) = (Instant::now(), self.program.grace());
        process.ask_to_end();
        let last = tokio::time::timeout(grace, self.last_answer(&mut process, task)).await;
        process.end(grace.saturating_sub(began.elapsed())).await;
        last.ok().flatten()
    }

    async fn last_answer(&mut self, process: &mut Process, task: &TaskContext) -> Option<Answer> {
        loop {
            match self.step(process, task).await {
                None => {}
                Some(Ended::Answered(answer)) => return Some(answer),
                Some(_) => return None,
            }
        }
    }

    /// The time that a program has to end.
    pub(super) fn grace(&self) -> Duration {
        self.program.grace()
    }

    /// What was printed beside messages.
    pub(super) fn printed(&self) -> &[u8] {
        self.printed.as_deref().unwrap_or_default()
    }

    /// Whether any message came.
    pub(super) fn has_said_something(&self) -> bool {
        self.has_said_something
    }

    /// Warns of a JSON object that was passed over, once for a task. Returns whether there
    /// was one.
    pub(super) fn warn_of_passed_over(&mut self) -> bool {
        if let PassedOver::Kept { line, keys } = &self.passed_over {
            warn!(
                line,
                %keys,
                "the program printed a JSON object that is no message, and it was passed over"
            );
            self.passed_over = PassedOver::Told;
        }
        matches!(self.passed_over, PassedOver::Told)
    }

    fn pass_over(&mut self, keys: OtherKeys) {
        if self.answered || !matches!(self.passed_over, PassedOver::Nothing) {
            return;
        }
        self.passed_over = PassedOver::Kept {
            line: self.lines,
            keys,
        };
        if self.has_said_something || !self.program.is_once() {
            self.warn_of_passed_over();
        }
    }

    /// One event. Cancel-safe but for an event of the task that is being sent.
    async fn step(&mut self, process: &mut Process, task: &TaskContext) -> Option<Ended> {
        let mut line = match process.event().await {
            Event::Ended(exit) => return Some(Ended::Exited(exit)),
            Event::Silent if self.program.is_once() => return None,
            Event::Silent => return Some(without_voice(process, self.program.grace()).await),
            Event::Line(line) => line,
        };
        loop {
            match self.hear(line, process, task) {
                Heard::Noise => {}
                Heard::Message(message) => return self.pass_on(message, task).await,
                Heard::Wrong(error) => return Some(Ended::Broken(error)),
            }
            // Others that have come already; there are never many.
            line = process.line_now()?;
        }
    }

    fn hear(&mut self, line: Line, process: &mut Process, task: &TaskContext) -> Heard {
        self.lines += 1;
        let limits = self.program.limits();
        if process.heard() > limits.output {
            return self.over(&format!("more than {} bytes of output", limits.output));
        }
        let Line::Text(line) = line else {
            return self.over(&format!("a line of more than {} bytes", limits.line));
        };
        match read(&line, task.task_id().as_str()) {
            Read::Noise => {
                self.print(&line);
                process.chatter.stdout(&line);
                Heard::Noise
            }
            Read::Object(keys) => {
                self.print(&line);
                process.chatter.stdout(&line);
                self.pass_over(keys);
                Heard::Noise
            }
            Read::Fault(why) => Heard::Wrong(TaskError::permanent(format!(
                "line {} of the program's output is not right: {why}",
                self.lines
            ))),
            Read::Message(message) => {
                self.has_said_something = true;
                self.warn_of_passed_over();
                Heard::Message(message)
            }
        }
    }

    async fn pass_on(&mut self, message: Message, task: &TaskContext) -> Option<Ended> {
        match message {
            Message::Answer(_) if self.answered => {
                let text = format!("the program gave a second answer in line {}", self.lines);
                return Some(Ended::Broken(TaskError::permanent(text)));
            }
            Message::Answer(answer) => {
                self.answered = true;
                return Some(Ended::Answered(answer));
            }
            _ if self.answered => debug!("the program went on after its answer"),
            Message::Progress { value, text } => {
                if !(0.0..=1.0).contains(&value) && !self.doubts_progress {
                    self.doubts_progress = true;
                    warn!(
                        line = self.lines,
                        "the program's progress is neither from 0 to 1 nor percent"
                    );
                }
                task.progress(value, text).await;
            }
            Message::Event {
                name,
                data: Payload(data),
                priority,
            } => match task.send_event_with_priority(&name, &data, priority).await {
                Ok(true) => {}
                Ok(false) => debug!(event = name, "the orchestrator takes no events"),
                Err(error) => warn!(event = name, %error, "an event of the program is lost"),
            },
        }
        None
    }

    fn print(&mut self, line: &[u8]) {
        let mut most = self.program.limits().line;
        if self.has_said_something {
            most = most.min(LOOKED_AT);
        }
        if let Some(printed) = &mut self.printed {
            if printed.len() + line.len() < most {
                printed.extend_from_slice(line);
                printed.push(b'\n');
            } else {
                // Far too long for a result.
                self.printed = None;
            }
        }
    }

    fn over(&self, what: &str) -> Heard {
        let text = format!("the program exceeded a limit: {what} (line {})", self.lines);
        Heard::Wrong(TaskError::new(ErrorCode::LimitExceeded, text))
    }
}

/// What a line was.
enum Heard {
    Noise,
    Message(Message),
    Wrong(TaskError),
}

/// A process that closed its stdout can answer nothing any more. If it ends now, its
/// exit says why.
async fn without_voice(process: &mut Process, grace: Duration) -> Ended {
    let end = async {
        loop {
            if let Event::Ended(exit) = process.event().await {
                return exit;
            }
        }
    };
    match tokio::time::timeout(grace, end).await {
        Ok(exit) => Ended::Exited(exit),
        Err(_) => Ended::Broken(TaskError::transient("the program closed its stdout")),
    }
}
