//! Actors that have a thread to themselves.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use actix::dev::channel::{AddressReceiver, channel};
use actix::prelude::*;
use futures_util::FutureExt;

/// The capacity that actix gives mailboxes.
const MAILBOX: usize = 16;

/// An actor on a thread of its own, started when it is first asked for and again when it
/// has ended. The thread ends with the actor, whether that stopped, lost its last address
/// or panicked.
pub(crate) struct OwnThread<A: Actor> {
    running: Mutex<Option<Addr<A>>>,
    start: Box<dyn Fn() -> io::Result<Addr<A>> + Send + Sync>,
}

impl<A: Actor<Context = Context<A>>> OwnThread<A> {
    /// `make` is called on the new thread.
    pub(crate) fn new(make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let make = Arc::new(make);
        let start = move || {
            let make = make.clone();
            let (sender, receiver) = channel(MAILBOX);
            let arbiter = Arbiter::try_new()?;
            arbiter.spawn_fn(move || {
                actix_rt::spawn(live(receiver, make));
            });
            Ok(Addr::new(sender))
        };
        Self {
            running: Mutex::new(None),
            start: Box::new(start),
        }
    }
}

impl<A: Actor> OwnThread<A> {
    /// Returns the actor, started if none is running.
    ///
    /// # Errors
    /// When the system has no thread left for it.
    pub(crate) fn actor(&self) -> io::Result<Addr<A>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &*running {
            Some(actor) if actor.connected() => Ok(actor.clone()),
            _ => {
                let actor = (self.start)()?;
                *running = Some(actor.clone());
                Ok(actor)
            }
        }
    }

    /// Returns the actor if it is running.
    pub(crate) fn running(&self) -> Option<Addr<A>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.clone().filter(Addr::connected)
    }

    /// Forgets an actor that was found to have ended. Its address says so only a moment
    /// later.
    pub(crate) fn forget(&self, ended: &Addr<A>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref() == Some(ended) {
            *running = None;
        }
    }
}

/// The whole life of the actor.
async fn live<A: Actor<Context = Context<A>>>(
    receiver: AddressReceiver<A>,
    make: Arc<dyn Fn() -> A + Send + Sync>,
) {
    let _thread = StopOnDrop(Arbiter::current());

    // A panic is caught before the actor is dropped: a second one, in a destructor, would
    // abort the process while the first unwinds.
    let life = Context::with_receiver(receiver).into_future(make());
    let _ = AssertUnwindSafe(life).catch_unwind().await;
}

struct StopOnDrop(ArbiterHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
