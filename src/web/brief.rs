//! A status that people can look at: what is too much for a page is left out, so that
//! ten thousand tasks or a failure of a megabyte cost a viewer little.

use std::cmp::Reverse;

use crate::id::TaskName;
use crate::status::WorkerStatus;

/// So many tasks are shown, those that have been here longest.
const TASKS: usize = 100;
/// So many characters of a text.
const TEXT: usize = 300;

/// Shortens lists and texts; returns how many tasks are left out.
pub(super) fn shorten(status: &mut WorkerStatus) -> usize {
    let more = status.tasks.len().saturating_sub(TASKS);
    if more > 0 {
        status
            .tasks
            .select_nth_unstable_by_key(TASKS, |task| Reverse(task.elapsed));
        status.tasks.truncate(TASKS);
    }
    for task in &mut status.tasks {
        cut_name(&mut task.name);
        if let Some((_, message)) = &mut task.progress {
            cut(message);
        }
    }
    for failure in &mut status.failures {
        cut_name(&mut failure.name);
        cut(&mut failure.code);
        cut(&mut failure.message);
    }
    for link in &mut status.orchestrators {
        if let Some(trouble) = &mut link.trouble {
            cut(&mut trouble.message);
        }
    }
    more
}

/// Where a text that is too long is cut.
fn end_of(text: &str) -> Option<usize> {
    // Most are short, and that is seen at once.
    if text.len() <= TEXT {
        return None;
    }
    text.char_indices().nth(TEXT).map(|(at, _)| at)
}

fn cut(text: &mut String) {
    if let Some(end) = end_of(text) {
        text.truncate(end);
        text.push('…');
    }
}

fn cut_name(name: &mut TaskName) {
    if let Some(end) = end_of(name.as_str()) {
        *name = format!("{}…", &name.as_str()[..end]).into();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::id::{JobId, OrchestratorId};
    use crate::status::StatusBoard;
    use crate::task::{Outcome, TaskError, TaskKey};

    #[test]
    fn of_many_tasks_those_stay_that_came_first() {
        let board = StatusBoard::new([], [], true);
        let come = |number: usize| {
            let key = TaskKey::new(OrchestratorId(0), number.to_string().into());
            board.task_came(
                &key,
                &JobId::from("job"),
                &TaskName::from("task"),
                "task",
                Instant::now(),
            );
        };
        (0..TASKS).for_each(come);
        let mut few = board.read();
        assert_eq!((shorten(&mut few), few.tasks.len()), (0, TASKS));
        (TASKS..TASKS + 7).for_each(come);
        let mut many = board.read();
        assert_eq!((shorten(&mut many), many.tasks.len()), (7, TASKS));
        assert!(many.tasks.iter().all(|task| {
            let number: usize = task.task_id.as_str().parse().expect("a number");
            number < TASKS
        }));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let board = StatusBoard::new([], [], true);
        let long = "ä".repeat(TEXT + 1);
        let key = TaskKey::new(OrchestratorId(0), "1".into());
        let job = JobId::from("job");
        board.task_came(
            &key,
            &job,
            &TaskName::from(long.as_str()),
            "task",
            Instant::now(),
        );
        board.progress(&key, 0.5, &long);
        let mut status = board.read();
        shorten(&mut status);
        let wanted = format!("{}…", "ä".repeat(TEXT));
        assert_eq!(status.tasks[0].name.as_str(), wanted);
        assert_eq!(status.tasks[0].progress, Some((0.5, wanted.clone())));
        let failure = TaskError::transient(long);
        board.task_ended(&key, &Outcome::Failed(failure), Instant::now());
        let mut status = board.read();
        shorten(&mut status);
        assert_eq!(status.failures[0].message, wanted);
        let exact = "ä".repeat(TEXT);
        let mut text = exact.clone();
        cut(&mut text);
        assert_eq!(text, exact);
    }
}
