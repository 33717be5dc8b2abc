use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::*;
use crate::actors::heartbeat::StateChanged;
use crate::transport::TaskEntry;

/// Stands in for all neighbours; keeps the grants.
struct Neighbour(mpsc::UnboundedSender<Permit>);

impl Actor for Neighbour {
    type Context = Context<Self>;
}

impl Handler<SlotGranted> for Neighbour {
    type Result = ();

    fn handle(&mut self, granted: SlotGranted, _: &mut Self::Context) {
        self.0.send(granted.permit).expect("the test listens");
    }
}

impl Handler<ClaimAnswered> for Neighbour {
    type Result = ();

    fn handle(&mut self, _: ClaimAnswered, _: &mut Self::Context) {}
}

impl Handler<StateChanged> for Neighbour {
    type Result = ();

    fn handle(&mut self, _: StateChanged, _: &mut Self::Context) {}
}

/// A tracker with so many slots, and the grants that it sends.
fn tracker(limit: usize) -> (Addr<CapacityTracker>, mpsc::UnboundedReceiver<Permit>) {
    let (grants, granted) = mpsc::unbounded_channel();
    let neighbour = Neighbour(grants).start();
    let slots = Slots::new(limit, &BTreeMap::new(), 1, vec![TaskEntry::named("t")]);
    let tracker = CapacityTracker::new(
        slots,
        neighbour.clone().recipient(),
        neighbour.clone().recipient(),
        StateNews::new(neighbour.recipient()),
        Arc::default(),
    );
    (tracker.start(), granted)
}

/// Lets everything happen that can.
async fn settled(tracker: &Addr<CapacityTracker>) {
    for _ in 0..3 {
        tracker.send(GetCapacity).await.expect("it runs");
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn a_grant_that_is_under_way_is_not_granted_again() {
    let (tracker, mut granted) = tracker(10);
    tracker.do_send(WantSlots(1));
    tracker.do_send(WantSlots(1));
    settled(&tracker).await;
    assert_eq!(granted.len(), 2);
    tracker.do_send(WantSlots(1));
    settled(&tracker).await;
    assert_eq!(granted.len(), 3);
    granted.close();
}

#[actix::test]
async fn slots_that_are_not_wanted_any_more_are_not_granted() {
    let (tracker, mut granted) = tracker(1);
    tracker.do_send(WantSlots(3));
    settled(&tracker).await;
    let first = granted.try_recv().expect("one is free");
    // One of the two that are left; more than that is none.
    tracker.do_send(WantSlots(-1));
    drop(first);
    settled(&tracker).await;
    let second = granted.try_recv().expect("one is still wanted");
    tracker.do_send(WantSlots(-5));
    drop(second);
    settled(&tracker).await;
    assert!(granted.try_recv().is_err());
}
