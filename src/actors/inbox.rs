//! Things on their way to an actor that gets many of them. They are put into its inbox; one
//! message tells that some are there, however many there are by the time it is read. So
//! what comes together costs one message and one turn.
//!
//! The order is kept among the things of one inbox, but not towards messages: a thing
//! arrives no later than a message that was sent after it was put there, and maybe before
//! one that was sent sooner.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix::prelude::*;

/// Something lies in the inbox for these things.
pub(crate) struct Fetch<T>(PhantomData<fn() -> T>);

impl<T: 'static> Message for Fetch<T> {
    type Result = ();
}

/// Room for so many things is kept; what a flood took more than that goes.
const ROOM: usize = 1024;

/// Where things wait for an actor. Anybody may put them there, on any thread.
pub(crate) struct Inbox<T: 'static> {
    inside: Mutex<Inside<T>>,
    owner: Recipient<Fetch<T>>,
}

struct Inside<T> {
    things: Vec<T>,
    /// Empty, with room for what comes next.
    spare: Vec<T>,
}

impl<T> Inbox<T> {
    pub(crate) fn new(owner: Recipient<Fetch<T>>) -> Self {
        Self {
            inside: Mutex::new(Inside {
                things: Vec::new(),
                spare: Vec::new(),
            }),
            owner,
        }
    }

    pub(crate) fn put(&self, thing: T) {
        let mut inside = self.inside();
        inside.things.push(thing);
        let is_first = inside.things.len() == 1;
        drop(inside);
        if is_first {
            self.owner.do_send(Fetch(PhantomData));
        }
    }

    /// Takes all that are there now, for the owner.
    pub(crate) fn each(&self, see: impl FnMut(T)) {
        let mut inside = self.inside();
        let spare = std::mem::take(&mut inside.spare);
        let mut things = std::mem::replace(&mut inside.things, spare);
        drop(inside);
        things.drain(..).for_each(see);
        if things.capacity() <= ROOM {
            self.inside().spare = things;
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;

    /// Tells what it finds, each time that it is told to look.
    struct Owner {
        inbox: Option<Arc<Inbox<u32>>>,
        found: mpsc::UnboundedSender<Vec<u32>>,
    }

    impl Actor for Owner {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            self.inbox = Some(Arc::new(Inbox::new(ctx.address().recipient())));
        }
    }

    impl Handler<Fetch<u32>> for Owner {
        type Result = ();

        fn handle(&mut self, _: Fetch<u32>, _: &mut Self::Context) {
            let mut things = Vec::new();
            let inbox = self.inbox.as_ref().expect("started");
            inbox.each(|thing| things.push(thing));
            self.found.send(things).expect("the test listens");
        }
    }

    #[derive(Message)]
    #[rtype(result = "Arc<Inbox<u32>>")]
    struct GetInbox;

    impl Handler<GetInbox> for Owner {
        type Result = Arc<Inbox<u32>>;

        fn handle(&mut self, _: GetInbox, _: &mut Self::Context) -> Arc<Inbox<u32>> {
            self.inbox.clone().expect("started")
        }
    }

    #[actix::test]
    async fn what_comes_together_is_told_once_and_nothing_is_forgotten() {
        let (said, mut found) = mpsc::unbounded_channel();
        let owner = Owner {
            inbox: None,
            found: said,
        };
        let owner = owner.start();
        let inbox = owner.send(GetInbox).await.expect("it runs");
        for round in 0..3 {
            for number in 0..4 {
                inbox.put(10 * round + number);
            }
            let things = found.recv().await.expect("it was told");
            assert_eq!(things, [0, 1, 2, 3].map(|number| 10 * round + number));
        }
        // A thing put there before a message was sent is there when that is read.
        inbox.put(7);
        owner.send(GetInbox).await.expect("it runs");
        assert_eq!(found.try_recv().expect("it came before"), [7]);
        assert!(found.try_recv().is_err(), "told once each time");
    }
}
