//! One process of a pool: it does tasks one after the other, until it dies, makes a
//! mistake, has done as many as it may, or the pool is over.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{Instrument, debug, info, warn};

use super::News;
use super::roster::Number;
use crate::programs::exit::{Death, Exit};
use crate::programs::keeper::DISMISSAL;
use crate::programs::order::Order;
use crate::programs::process::{Event, Process};
use crate::programs::program::Ready;
use crate::programs::protocol::{Line, is_meant, line};
use crate::programs::talk::{Ended, Talk};
use crate::task::{Outcome, TaskError};

/// So many processes that have answered nothing may end without having read a task; with the
/// last of them the task fails.
const MOST_BROKEN: usize = 3;

/// The place of a process in its pool.
pub(super) struct Seat {
    number: Number,
    program: Arc<Ready>,
    tell: mpsc::UnboundedSender<News>,
    /// Tasks that were answered.
    served: u64,
}

impl Seat {
    pub(super) fn new(
        number: Number,
        program: Arc<Ready>,
        tell: mpsc::UnboundedSender<News>,
    ) -> Self {
        Self {
            number,
            program,
            tell,
            served: 0,
        }
    }

    /// Gives the process its tasks until it is gone.
    pub(super) async fn run(
        mut self,
        process: Process,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut process = process;
        loop {
            let order = tokio::select! {
                biased;
                why = idle(&mut process) => {
                    info!(why, "a process of a pool is replaced");
                    break;
                }
                order = orders.recv() => order,
            };
            let Some(order) = order else { break };
            // What it said after its last answer may stand in the pipe already.
            process.take_what_is_left();
            if let Some(why) = out_of_step(&mut process) {
                warn!(why, "a process of a pool is replaced");
                self.say(News::Back(order));
                break;
            }
            let span = order.span.clone();
            match self.serve(process, order).instrument(span).await {
                Some(still) => process = still,
                None => return self.gone(orders),
            }
            if self
                .program
                .max_tasks()
                .is_some_and(|most| self.served >= most)
            {
                debug!(
                    tasks = self.served,
                    "a process of a pool has done its tasks"
                );
                break;
            }
            self.say(News::Idle(self.number));
        }
        process.dismiss(DISMISSAL.min(self.program.grace())).await;
        process.end(self.program.grace()).await;
        self.gone(orders);
    }

    /// One task. Returns the process if it can do another one; else all of it is gone.
    async fn serve(&mut self, mut process: Process, order: Order) -> Option<Process> {
        let text = match line(&order.params, &order.task, &order.folder) {
            Ok(text) => text,
            Err(error) => {
                let text = format!("the task has no JSON form: {error}");
                drop(order.answer(Outcome::Failed(TaskError::permanent(text))));
                return Some(process);
            }
        };
        if order.is_called_off() {
            drop(order.answer(Outcome::Cancelled));
            return Some(process);
        }
        process.begin(order.span.clone());
        process.tell(text);
        let program = self.program.clone();
        let mut talk = Talk::new(&program);
        let outcome = match talk.run(&mut process, &order).await {
            Ended::Answered(answer) => {
                self.served += 1;
                drop(order.answer(answer.into()));
                process.begin(tracing::Span::none());
                return Some(process);
            }
            Ended::CalledOff => {
                let answer = talk.called_off(process, &order.task).await;
                // The one that did as it was told did not die at once.
                self.served += 1;
                drop(order.answer(answer.map_or(Outcome::Cancelled, Outcome::from)));
                return None;
            }
            Ended::Exited(exit) if self.may_go_on(&process, &order) => {
                return self.hand_on(process, order, exit).await;
            }
            Ended::Exited(exit) => match order.interrupted_by(exit).await {
                Some(interrupted) => interrupted,
                None => Outcome::Failed(death(&program, &process, exit)),
            },
            Ended::Broken(error) => Outcome::Failed(error),
        };
        let slot = order.answer(outcome);
        process.end(program.grace()).await;
        drop(slot);
        None
    }

    /// Whether the task is for the next process: this one ended before it read the task, as
    /// one does that ends by itself after some answers.
    ///
    /// That is not without end: one that has answered tasks may be as unlucky as all others
    /// of the pool together, and one that has not is probably broken.
    fn may_go_on(&self, process: &Process, order: &Order) -> bool {
        let most = match self.served {
            0 => MOST_BROKEN,
            _ => MOST_BROKEN + self.program.processes(),
        };
        order.unread + 1 < most && !process.has_read()
    }

    async fn hand_on(&self, process: Process, mut order: Order, exit: Exit) -> Option<Process> {
        order.unread += 1;
        let last_words = process.chatter.last_words();
        info!(
            %exit,
            ?last_words,
            "a process of a pool ended before it read its task, which goes to the next one"
        );
        self.say(News::Back(order));
        process.end(self.program.grace()).await;
        None
    }

    fn say(&self, news: News) {
        // Without a pool there is nobody to be told.
        let _ = self.tell.send(news);
    }

    /// Its place is free. Tasks that were given to it meanwhile go back.
    fn gone(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        orders.close();
        while let Ok(order) = orders.try_recv() {
            self.say(News::Back(order));
        }
        self.say(News::Gone {
            number: self.number,
            served: self.served > 0,
        });
    }
}

/// Waits until a process without a task can be used no longer; says why.
async fn idle(process: &mut Process) -> String {
    loop {
        match process.event().await {
            Event::Line(line) => {
                if let Some(why) = is_out_of_step(process, &line) {
                    return why;
                }
            }
            Event::Silent => {}
            Event::Ended(exit) => {
                let last_words = process.chatter.last_words();
                return format!("it ended without a task: {exit} {last_words:?}");
            }
        }
    }
}

/// The same for lines that have come.
fn out_of_step(process: &mut Process) -> Option<String> {
    while let Some(line) = process.line_now() {
        if let Some(why) = is_out_of_step(process, &line) {
            return Some(why);
        }
    }
    None
}

/// A message when there is no task: it would be taken for that of the next task.
fn is_out_of_step(process: &mut Process, line: &Line) -> Option<String> {
    match line {
        Line::Text(text) if is_meant(text) => Some("it went on after its answer".to_owned()),
        Line::Text(text) => {
            process.chatter.stdout(text);
            None
        }
        Line::TooLong => Some("it printed a line that is too long".to_owned()),
    }
}

fn death(program: &Ready, process: &Process, exit: Exit) -> TaskError {
    let last_words = process.chatter.last_words();
    Death {
        exit,
        codes: program.exit_codes(),
        is_once: false,
        has_memory_limit: program.limits().memory.is_some(),
        last_words: &last_words,
    }
    .failure()
}
