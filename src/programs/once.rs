//! A process per task: parameters on its stdin, the answer on its stdout or by its exit.

use std::sync::Arc;

use tracing::warn;

use super::exit::{Death, Exit};
use super::order::Order;
use super::process::Process;
use super::program::Ready;
use super::protocol::{Answer, document, object_within, variables};
use super::talk::{Ended, Talk};
use crate::task::{Outcome, TaskError};

/// Does one task, from the start of its process until nothing is left of it.
pub(super) async fn run(program: Arc<Ready>, order: Order) {
    if order.is_called_off() {
        drop(order.answer(Outcome::Cancelled));
        return;
    }
    let variables = variables(&order.task, &order.folder);
    let mut process = match program.start(Some(&order.folder), &variables) {
        Ok(process) => process,
        Err(error) => {
            drop(order.answer(Outcome::Failed(error)));
            return;
        }
    };
    process.begin(order.span.clone());
    process.tell(order.params.as_bytes().clone());
    process.close_input();

    let mut talk = Talk::new(&program);
    let outcome = match talk.run(&mut process, &order).await {
        Ended::Answered(answer) => when_answered(&mut talk, &mut process, &order, answer).await,
        Ended::Exited(exit) => match order.interrupted_by(exit).await {
            Some(interrupted) => interrupted,
            None => when_ended(&program, &mut talk, &process, &order, exit),
        },
        Ended::Broken(error) => {
            talk.warn_of_passed_over();
            Outcome::Failed(error)
        }
        Ended::CalledOff => {
            let answer = talk.called_off(process, &order.task).await;
            talk.warn_of_passed_over();
            drop(order.answer(answer.map_or(Outcome::Cancelled, Outcome::from)));
            return;
        }
    };
    let slot = order.answer(outcome);
    process.end(program.grace()).await;
    drop(slot);
}

/// After its answer a program has the grace time to end by itself. How it ends changes
/// nothing, unless it gives another answer.
async fn when_answered(
    talk: &mut Talk<'_>,
    process: &mut Process,
    order: &Order,
    answer: Answer,
) -> Outcome {
    let rest = tokio::time::timeout(talk.grace(), talk.run(process, order));
    match rest.await {
        Ok(Ended::Broken(error)) => return Outcome::Failed(error),
        Ok(Ended::Exited(Exit::Code(0)) | Ended::CalledOff | Ended::Answered(_)) => {}
        Ok(Ended::Exited(exit)) => {
            warn!(%exit, "the program answered, and then did not end well");
        }
        Err(_) => warn!("the program answered, and then did not end"),
    }
    answer.into()
}

/// A program that ended without an answer.
fn when_ended(
    program: &Ready,
    talk: &mut Talk<'_>,
    process: &Process,
    order: &Order,
    exit: Exit,
) -> Outcome {
    if exit != Exit::Code(0) {
        talk.warn_of_passed_over();
        let last_words = process.chatter.last_words();
        let death = Death {
            exit,
            codes: program.exit_codes(),
            is_once: true,
            has_memory_limit: program.limits().memory.is_some(),
            last_words: &last_words,
        };
        return Outcome::Failed(death.failure());
    }
    let document = if talk.has_said_something() {
        None
    } else {
        document(talk.printed(), order.task.task_id().as_str())
    };
    match document {
        Some(Ok(answer)) => answer.into(),
        Some(Err(why)) => {
            let text = format!("the program's output is not right: {why}");
            Outcome::Failed(TaskError::permanent(text))
        }
        None => {
            warn_of_nothing(talk);
            Outcome::from(Ok::<_, TaskError>(()))
        }
    }
}

/// A success without a result may be a result that was not understood.
fn warn_of_nothing(talk: &mut Talk<'_>) {
    if talk.warn_of_passed_over() {
        return;
    }
    if let Some(line) = object_within(talk.printed()) {
        warn!(
            line,
            "the program printed a JSON object over several lines, and it was passed over: a \
             message is one line"
        );
    }
}
