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

impl Handler<SlotsGranted> for Neighbour {
    type Result = ();

    fn handle(&mut self, granted: SlotsGranted, _: &mut Self::Context) {
        for permit in granted.permits {
            self.0.send(permit).expect("the test listens");
        }
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
        neighbour.recipient(),
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
    tracker.do_send(SlotNews::Wanted(1));
    tracker.do_send(SlotNews::Wanted(1));
    settled(&tracker).await;
    assert_eq!(granted.len(), 2);
    tracker.do_send(SlotNews::Wanted(1));
    settled(&tracker).await;
    assert_eq!(granted.len(), 3);
    granted.close();
}

#[actix::test]
async fn slots_that_are_not_wanted_any_more_are_not_granted() {
    let (tracker, mut granted) = tracker(1);
    tracker.do_send(SlotNews::Wanted(3));
    settled(&tracker).await;
    let first = granted.try_recv().expect("one is free");
    // One of the two that are left; more than that is none.
    tracker.do_send(SlotNews::Wanted(-1));
    drop(first);
    settled(&tracker).await;
    let second = granted.try_recv().expect("one is still wanted");
    tracker.do_send(SlotNews::Wanted(-5));
    drop(second);
    settled(&tracker).await;
    assert!(granted.try_recv().is_err());
}

#[actix::test]
async fn a_slot_that_comes_back_together_with_its_task_is_free_again() {
    let (tracker, mut granted) = tracker(2);
    let availability = async || {
        tracker
            .send(GetCapacity)
            .await
            .expect("it runs")
            .availability
    };
    tracker.do_send(SlotNews::Wanted(2));
    settled(&tracker).await;
    // The first one has rung already when the second task comes and ends at once.
    for _ in 0..2 {
        let mut permit = granted.try_recv().expect("two are free");
        permit.begin_untyped();
        drop(permit);
    }
    assert_eq!(availability().await, Availability::Idle);
    tracker.do_send(SlotNews::Wanted(2));
    settled(&tracker).await;
    let mut both: Vec<_> = [granted.try_recv(), granted.try_recv()]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(both.len(), 2);
    both.iter_mut().for_each(Permit::begin_untyped);
    assert_eq!(availability().await, Availability::Full);
    granted.close();
}
