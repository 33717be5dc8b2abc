//! Keeps the tasks that `awc` starts beside a request from waking the thread.
//!
//! For every request `awc` 3.11 starts a task that notes the date twice a second
//! until the answer is there, which only servers have a use for. A poll that is
//! held for half a minute would wake an idle worker all that time, and in a busy
//! one the timers and wake-ups of these tasks add to every request. Here they are
//! set aside and looked at rarely; by then most are over.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::Instant;

/// After so many requests there is something to tidy up.
const MANY: usize = 32;
/// After this time there is, too. The other tasks that `awc` starts close
/// connections, and those should not stay half closed for long.
const LONG: Duration = Duration::from_secs(5);

/// Tasks that nothing waits for. Belongs to the thread that made it.
pub(super) struct Errands {
    tasks: RefCell<LocalSet>,
    requests: Cell<usize>,
    tidied: Cell<Instant>,
}

impl Errands {
    pub(super) fn new() -> Self {
        Self {
            tasks: RefCell::new(LocalSet::new()),
            requests: Cell::new(0),
            tidied: Cell::new(Instant::now()),
        }
    }

    /// Runs a request to its end, with what it starts set aside.
    pub(super) async fn set_aside<T>(&self, request: impl Future<Output = T>) -> T {
        let mut request = pin!(request);
        poll_fn(|cx| {
            let _inside = self.tasks.borrow().enter();
            request.as_mut().poll(cx)
        })
        .await
    }

    /// A request has ended. Now and then this lets what was set aside go on.
    pub(super) fn ended(&self) {
        let (requests, now) = (self.requests.get() + 1, Instant::now());
        if requests < MANY && now - self.tidied.get() < LONG {
            self.requests.set(requests);
            return;
        }
        self.requests.set(0);
        self.tidied.set(now);
        let mut tasks = self.tasks.borrow_mut();
        // Nobody need be woken: a later request comes by here again.
        let _ = Pin::new(&mut *tasks).poll(&mut Context::from_waker(Waker::noop()));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[actix_rt::test]
    async fn what_a_request_starts_waits_until_it_is_tidied_up() {
        tokio::time::pause();
        let errands = Errands::new();
        let ran = Rc::new(Cell::new(0));
        let start = async |count: usize| {
            for _ in 0..count {
                let ran = ran.clone();
                let request =
                    async { drop(actix_rt::spawn(async move { ran.set(ran.get() + 1) })) };
                errands.set_aside(request).await;
                errands.ended();
            }
        };
        start(MANY - 1).await;
        tokio::task::yield_now().await;
        assert_eq!(ran.get(), 0);
        start(1).await;
        assert_eq!(ran.get(), MANY);
        start(1).await;
        assert_eq!(ran.get(), MANY);
        tokio::time::advance(LONG).await;
        start(1).await;
        assert_eq!(ran.get(), MANY + 2);
    }
}
