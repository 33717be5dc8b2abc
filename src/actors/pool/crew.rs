//! Who runs the requests. To start a task for each would cost more than most of what
//! the pool does for a request, so those that have one behind them take the next.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::future::LocalBoxFuture;

/// Tasks on this thread, as many as were ever needed at once.
#[derive(Default)]
pub(super) struct Crew {
    idle: Rc<RefCell<Vec<Rc<Hand>>>>,
}

/// One of them.
#[derive(Default)]
struct Hand {
    errand: RefCell<Option<LocalBoxFuture<'static, ()>>>,
    /// Counts its errands.
    number: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// A request under way.
pub(super) struct Errand {
    hand: Rc<Hand>,
    number: u64,
}

impl Crew {
    /// Runs a request beside everything else.
    pub(super) fn run(&self, request: impl Future<Output = ()> + 'static) -> Errand {
        let idle = self.idle.borrow_mut().pop();
        let hand = idle.unwrap_or_else(|| self.hire());
        hand.number.set(hand.number.get() + 1);
        *hand.errand.borrow_mut() = Some(Box::pin(request));
        if let Some(waker) = &*hand.waker.borrow() {
            waker.wake_by_ref();
        }
        Errand {
            number: hand.number.get(),
            hand,
        }
    }

    fn hire(&self) -> Rc<Hand> {
        let hand = Rc::<Hand>::default();
        actix_rt::spawn(hand.clone().work(self.idle.clone()));
        hand
    }
}

impl Hand {
    /// Waits for errands, for ever.
    async fn work(self: Rc<Self>, idle: Rc<RefCell<Vec<Rc<Self>>>>) {
        poll_fn(|cx| {
            if self.waker.borrow().is_none() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            // One that panics is gone, and this hand with it: it must not be idle again.
            if let Some(mut request) = self.errand.take() {
                if request.as_mut().poll(cx).is_ready() {
                    idle.borrow_mut().push(self.clone());
                } else {
                    *self.errand.borrow_mut() = Some(request);
                }
            }
            Poll::<()>::Pending
        })
        .await;
    }
}

impl Errand {
    /// Drops the request, unless it has ended.
    pub(super) fn abort(self, crew: &Crew) {
        if self.hand.number.get() == self.number
            && let Some(request) = self.hand.errand.take()
        {
            drop(request);
            crew.idle.borrow_mut().push(self.hand);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[actix::test]
    async fn one_that_is_done_takes_the_next() {
        let crew = Crew::default();
        for _ in 0..3 {
            let (said, heard) = oneshot::channel();
            let errand = crew.run(async move { said.send(()).expect("the test listens") });
            heard.await.expect("it is run");
            assert_eq!(crew.idle.borrow().len(), 1);
            // It is over, so this does no harm to whatever comes next.
            errand.abort(&crew);
        }
        assert_eq!(crew.idle.borrow().len(), 1);
    }

    #[actix::test]
    async fn one_that_panicked_is_not_asked_again() {
        let crew = Crew::default();
        let (said, heard) = oneshot::channel::<()>();
        let errand = crew.run(async move {
            let _said = said;
            panic!("as transports may");
        });
        assert!(heard.await.is_err());
        errand.abort(&crew);
        assert!(crew.idle.borrow().is_empty());
    }

    #[actix::test]
    async fn an_errand_is_dropped_at_once_and_no_other_in_its_place() {
        let crew = Crew::default();
        let (held, dropped) = oneshot::channel::<()>();
        let first = crew.run(async move {
            let _held = held;
            pending::<()>().await;
        });
        let (said, heard) = oneshot::channel();
        let second = crew.run(async move { said.send(()).expect("the test listens") });
        heard.await.expect("it runs beside the first");
        let (said, heard) = oneshot::channel();
        crew.run(async move { said.send(()).expect("the test listens") });
        second.abort(&crew);
        heard.await.expect("the end of another does not touch it");
        first.abort(&crew);
        assert!(dropped.await.is_err());
        assert_eq!(crew.idle.borrow().len(), 2);
    }
}
