//! Polls wait for tasks that come when they come.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::DistWorker;
use crate::task::Task;
use crate::transport::TransportError;

/// For so long a poll stays open that another one waits beside. One is enough.
const SECOND_POLL: Duration = Duration::from_millis(250);

impl DistWorker {
    pub(super) async fn wait_for_task(&self) -> Result<Option<Task>, TransportError> {
        let shared = &self.shared;
        let waiter = Waiter::new(&self.polls);
        let hold = match self.hold {
            Some(_) if !waiter.is_first => Some(SECOND_POLL),
            hold => hold,
        };
        let until = hold.map(|time| Instant::now() + time);
        loop {
            let moved = shared.moved();
            self.over().await?;
            if let Some(task) = shared.books.borrow_mut().take() {
                return Ok(Some(task));
            }
            if !shared.is_up() {
                return Err(TransportError::NotRegistered);
            }
            if shared.is_idle() {
                shared.give_up("there was nothing to do for its idle time".to_owned(), true);
                continue;
            }
            match until {
                Some(at) if at <= Instant::now() => return Ok(None),
                Some(at) => drop(tokio::time::timeout_at(at, moved).await),
                None => moved.await,
            }
        }
    }
}

/// Counts the open polls.
struct Waiter<'a> {
    polls: &'a Cell<usize>,
    is_first: bool,
}

impl<'a> Waiter<'a> {
    fn new(polls: &'a Cell<usize>) -> Self {
        let is_first = polls.get() == 0;
        polls.set(polls.get() + 1);
        Self { polls, is_first }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.polls.set(self.polls.get() - 1);
    }
}
