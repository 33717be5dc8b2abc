//! Who runs the requests. To start a task for each would cost more than most of what
//! the pool does for a request, so those that have one behind them take the next.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::future::LocalBoxFuture;

/// Tasks on this thread, as many as were ever needed at once.
#[derive(Default)]
pub(super) struct Carriers {
    idle: Rc<RefCell<Vec<Rc<Carrier>>>>,
}

/// One of them.
#[derive(Default)]
struct Carrier {
    errand: RefCell<Option<LocalBoxFuture<'static, ()>>>,
    /// Counts its errands.
    number: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// A request under way.
pub(super) struct Errand {
    carrier: Rc<Carrier>,
    number: u64,
}

impl Carriers {
    /// Runs a request beside everything else.
    pub(super) fn run(&self, request: impl Future<Output = ()> + 'static) -> Errand {
        let idle = self.idle.borrow_mut().pop();
        let carrier = idle.unwrap_or_else(|| self.hire());
        carrier.number.set(carrier.number.get() + 1);
        *carrier.errand.borrow_mut() = Some(Box::pin(request));
        if let Some(waker) = &*carrier.waker.borrow() {
            waker.wake_by_ref();
        }
        Errand {
            number: carrier.number.get(),
            carrier,
        }
    }

    fn hire(&self) -> Rc<Carrier> {
        let carrier = Rc::<Carrier>::default();
        actix_rt::spawn(carrier.clone().work(self.idle.clone()));
        carrier
    }
}

impl Carrier {
    /// Waits for errands, for ever.
    async fn work(self: Rc<Self>, idle: Rc<RefCell<Vec<Rc<Self>>>>) {
        poll_fn(|cx| {
            if self.waker.borrow().is_none() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            // One that panics is gone, and this carrier with it: it must not be idle again.
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
    pub(super) fn abort(self, carriers: &Carriers) {
        if self.carrier.number.get() == self.number
            && let Some(request) = self.carrier.errand.take()
        {
            drop(request);
            carriers.idle.borrow_mut().push(self.carrier);
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
        let carriers = Carriers::default();
        for _ in 0..3 {
            let (said, heard) = oneshot::channel();
            let errand = carriers.run(async move { said.send(()).expect("the test listens") });
            heard.await.expect("it is run");
            assert_eq!(carriers.idle.borrow().len(), 1);
            // It is over, so this does no harm to whatever comes next.
            errand.abort(&carriers);
        }
        assert_eq!(carriers.idle.borrow().len(), 1);
    }

    #[actix::test]
    async fn one_that_panicked_is_not_asked_again() {
        let carriers = Carriers::default();
        let (said, heard) = oneshot::channel::<()>();
        let errand = carriers.run(async move {
            let _said = said;
            panic!("as transports may");
        });
        assert!(heard.await.is_err());
        errand.abort(&carriers);
        assert!(carriers.idle.borrow().is_empty());
    }

    #[actix::test]
    async fn an_errand_is_dropped_at_once_and_no_other_in_its_place() {
        let carriers = Carriers::default();
        let (held, dropped) = oneshot::channel::<()>();
        let first = carriers.run(async move {
            let _held = held;
            pending::<()>().await;
        });
        let (said, heard) = oneshot::channel();
        let second = carriers.run(async move { said.send(()).expect("the test listens") });
        heard.await.expect("it runs beside the first");
        let (said, heard) = oneshot::channel();
        carriers.run(async move { said.send(()).expect("the test listens") });
        second.abort(&carriers);
        heard.await.expect("the end of another does not touch it");
        first.abort(&carriers);
        assert!(dropped.await.is_err());
        assert_eq!(carriers.idle.borrow().len(), 2);
    }
}
