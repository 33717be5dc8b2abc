//! What slots do in every order of events, and that states are those of the reference worker.

use super::*;
use crate::slot_policy::Ruling;
use proptest::prelude::*;
use serde_json::Value;

fn entry(name: &str, kind: Option<&str>) -> TaskEntry {
    TaskEntry {
        kind: kind.map(str::to_owned),
        ..TaskEntry::named(name)
    }
}

fn video_and_audio(limit: usize, lot: usize) -> Slots<u32> {
    let limits = BTreeMap::from([("video".to_owned(), 1), ("off".to_owned(), 0)]);
    let entries = vec![
        entry("cut", Some("video")),
        entry("blur", Some("video")),
        entry("report", None),
        entry("never", Some("off")),
    ];
    Slots::new(limit, &limits, lot, entries)
}

fn names(slots: &mut Slots<u32>) -> Vec<String> {
    slots.refresh();
    slots.available().iter().map(ToString::to_string).collect()
}

#[test]
fn a_worker_for_queues_alone_is_idle_while_one_of_them_has_room() {
    let of_type = |kind: &str| TaskEntry {
        kind: Some(kind.to_owned()),
        ..TaskEntry::named("math.*")
    };
    let limits = BTreeMap::from([("x".to_owned(), 1)]);
    let mut slots: Slots<()> =
        Slots::new(2, &limits, 1, Vec::new()).with_queues(vec![of_type("x")]);
    assert_eq!(slots.availability(), Availability::Idle);
    slots.reserve().expect("a slot");
    let Claim::Granted((), held) = slots.claim((), Some("x")) else {
        panic!("a slot of the type is free")
    };
    assert_eq!(slots.availability(), Availability::Busy);
    slots.release(&held);
    assert_eq!(slots.availability(), Availability::Idle);
    assert!(slots.available().is_empty());
}

#[test]
fn a_full_type_parks_the_task_until_one_of_it_ends() {
    let mut slots = video_and_audio(3, 4);
    for _ in 0..2 {
        slots.reserve().expect("a free slot");
    }
    let Claim::Granted(1, first) = slots.claim(1, Some("video")) else {
        panic!("granted")
    };
    assert_eq!(slots.claim(2, Some("video")), Claim::Parked);
    assert_eq!(names(&mut slots), ["report"]);
    assert_eq!(slots.tasks(), 1, "the parked one has no slot");
    let started = slots.release(&first);
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].0, 2);
}

#[test]
fn without_types_all_handlers_are_on_offer_or_none() {
    let both = vec![entry("a", None), entry("b", Some("no limit"))];
    let mut slots: Slots<u32> = Slots::new(1, &BTreeMap::new(), 1, both);
    assert_eq!(names(&mut slots), ["a", "b"]);
    slots.reserve().expect("a free slot");
    assert!(!slots.refresh(), "a poll is no task");
    slots.begin_untyped();
    let held = Held::Task { kind: None };
    assert!(slots.refresh() && !slots.refresh());
    assert!(names(&mut slots).is_empty());
    slots.release(&held);
    assert!(slots.refresh() && !slots.refresh());
    assert_eq!(names(&mut slots), ["a", "b"]);
}

#[test]
fn a_full_parking_lot_stops_the_intake() {
    let mut slots = video_and_audio(10, 2);
    for ticket in 0..3 {
        slots.reserve().expect("a free slot");
        let _ = slots.claim(ticket, Some("video"));
    }
    assert_eq!(slots.reserve(), None);
    let parked = slots.withdraw(|ticket| *ticket == 1);
    assert_eq!(parked, Some(1));
    assert!(slots.reserve().is_some());
}

#[test]
fn open_polls_leave_room_for_what_they_may_bring() {
    // One slot of the type and one place to wait: two polls, for both may bring a video.
    let mut slots = video_and_audio(10, 1);
    let polls = std::iter::from_fn(|| slots.reserve()).count();
    assert_eq!(polls, 2);
    let Claim::Granted(1, first) = slots.claim(1, Some("video")) else {
        panic!("granted")
    };
    assert_eq!(
        slots.reserve(),
        None,
        "the other poll may bring one to park"
    );
    assert_eq!(slots.claim(2, Some("video")), Claim::Parked);
    assert_eq!(slots.reserve(), None, "one waits already");

    assert_eq!(slots.release(&first).len(), 1);
    assert!(slots.reserve().is_some(), "nothing waits");
}

#[test]
fn what_waits_for_its_type_takes_no_slot_from_others() {
    let mut slots = video_and_audio(2, 5);
    for ticket in 0..4 {
        slots.reserve().expect("a parked task has no slot");
        let _ = slots.claim(ticket, Some("video"));
    }
    slots.reserve().expect("one slot is free all the same");
    let Claim::Granted(9, report) = slots.claim(9, None) else {
        panic!("granted")
    };
    assert_eq!(slots.reserve(), None, "two tasks run");
    assert_eq!(slots.availability(), Availability::Full);

    // A parked one is dropped without a trace.
    assert_eq!(slots.withdraw(|ticket| *ticket == 3), Some(3));
    assert!(slots.release(&Held::Parked).is_empty());
    slots.release(&report);
    assert!(slots.reserve().is_some());
}

#[test]
fn a_limit_set_later_counts_what_runs_already() {
    let mut slots = video_and_audio(9, 1);
    for ticket in 0..2 {
        slots.reserve().expect("a free slot");
        let claimed = slots.claim(ticket, Some("audio"));
        assert!(matches!(claimed, Claim::Granted(..)), "it has no limit");
    }
    slots.set_limits(None, Some(("audio", 2)));
    slots.reserve().expect("a free slot");
    assert_eq!(slots.claim(2, Some("audio")), Claim::Parked);
}

#[test]
fn what_waits_for_a_type_that_is_turned_off_is_given_back() {
    let mut slots = video_and_audio(9, 2);
    for ticket in 0..3 {
        slots.reserve().expect("a free slot");
        let _ = slots.claim(ticket, Some("video"));
    }
    let (started, never) = slots.set_limits(None, Some(("video", 0)));
    assert!(started.is_empty());
    assert_eq!(never, [1, 2]);
    assert!(slots.reserve().is_some());
}

#[test]
fn a_type_turned_off_never_starts() {
    let mut slots = video_and_audio(1, 2);
    slots.reserve().expect("a free slot");
    assert_eq!(slots.claim(7, Some("off")), Claim::Never(7));
    slots.release(&Held::Task { kind: None });
    assert_eq!(slots.tasks(), 0);
    assert_eq!(slots.availability(), Availability::Idle);
}

#[test]
fn states_are_reported_as_the_reference_worker_does() {
    let vectors: Value = serde_json::from_str(include_str!(
        "../../../../tests/vectors/capacity_states.json"
    ))
    .unwrap();
    let (mut checked, mut refused) = (0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let state = &case["state"];
        let kinds: HashMap<&str, Option<&str>> = state["handlers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|h| (h["name"].as_str().unwrap(), h["type"].as_str()))
            .collect();
        let entries = state["handlers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|h| entry(h["name"].as_str().unwrap(), h["type"].as_str()))
            .collect();
        let limits: BTreeMap<String, usize> =
            serde_json::from_value(state["type_limits"].clone()).unwrap();
        let limit = usize::try_from(state["max_concurrent_tasks"].as_u64().unwrap()).unwrap();
        let mut slots = Slots::new(limit, &limits, 0, entries);
        // States over a limit cannot come about here.
        let within = state["active_tasks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|name| {
                let kind = kinds.get(name.as_str().unwrap()).copied().flatten();
                slots.reserve().is_some() && matches!(slots.claim(0, kind), Claim::Granted(..))
            });
        if !within {
            continue;
        }
        checked += 1;
        let denied = state["denied_by_capacity_checker"].as_array().unwrap();
        let without = |ruling: Ruling, name: &Value| ruling.without(name.as_str().unwrap());
        slots.rule(&denied.iter().fold(Ruling::yes(), without));
        if slots.refused().is_some() {
            refused += 1;
            assert_eq!(slots.reserve(), None, "{state}");
            assert_eq!(case["1.0b17"]["poll_query"], Value::Null, "{state}");
        }
        let beat = &case["1.0b2"]["heartbeat"];
        let expected: Vec<String> =
            serde_json::from_value(beat["supported_tasks"].clone()).unwrap();
        assert_eq!(names(&mut slots), expected, "{state}");
        let idle = slots.availability() == Availability::Idle;
        assert_eq!(idle, beat["status"] == "idle", "{state}");
        let full = slots.availability() == Availability::Full;
        assert_eq!(
            full,
            case["1.0b17"]["heartbeat"]["status"] == "full",
            "{state}"
        );
    }
    assert!(
        checked >= 10,
        "only {checked} states are within their limits"
    );
    assert!(refused > 0, "in no state a checker denies all there is");
}

#[test]
fn a_policy_stops_new_slots_and_no_task_that_is_there() {
    let mut slots = video_and_audio(3, 4);
    slots.reserve().expect("a free slot");
    slots.rule(&Ruling::not_now("too hot"));
    assert!(slots.refresh(), "this is news");
    assert!(!slots.refresh());
    assert_eq!(slots.availability(), Availability::Busy);
    assert_eq!((names(&mut slots).len(), slots.reserve()), (0, None));
    // The open poll brings a task all the same.
    let Claim::Granted(1, held) = slots.claim(1, Some("video")) else {
        panic!("granted")
    };
    let mut status = CapacityStatus::default();
    slots.tell(&mut status);
    assert_eq!(status.refused.as_deref(), Some("too hot"));
    slots.rule(&Ruling::yes().without("report"));
    assert!(slots.refresh());
    assert_eq!(slots.availability(), Availability::Busy, "video is full");
    slots.release(&held);
    assert_eq!(names(&mut slots), ["cut", "blur"]);
    assert!(slots.reserve().is_some());
}

#[test]
fn a_worker_for_queues_alone_tells_that_its_policy_wants_no_tasks() {
    let queues = vec![TaskEntry::named("math.*")];
    let mut slots: Slots<()> = Slots::new(2, &BTreeMap::new(), 1, Vec::new()).with_queues(queues);
    slots.rule(&Ruling::yes().without("math.*"));
    assert!(slots.refresh());
    assert_eq!(slots.availability(), Availability::Busy);
    slots.rule(&Ruling::yes());
    assert!(slots.refresh());
    assert_eq!(slots.availability(), Availability::Idle);
}

proptest! {
    /// Whatever happens in whatever order, no limit is exceeded at any instant
    /// and every slot comes back.
    #[test]
    fn limits_hold_at_every_instant(
        limit in 1usize..6, video in 0usize..3, lot in 0usize..4,
        steps in prop::collection::vec((0u8..4, 0usize..8), 1..80),
    ) {
        let limits = BTreeMap::from([("video".to_owned(), video)]);
        let mut slots: Slots<u32> =
            Slots::new(limit, &limits, lot, vec![entry("cut", Some("video"))]);
        let (mut polls, mut running, mut parked) = (0usize, Vec::<Held>::new(), 0usize);
        for (step, pick) in steps {
            match step {
                0 => polls += usize::from(slots.reserve().is_some()),
                1 if polls > 0 => {
                    polls -= 1;
                    let kind = (pick % 2 == 0).then_some("video");
                    match slots.claim(0, kind) {
                        Claim::Granted(_, held) => running.push(held),
                        Claim::Parked => parked += 1,
                        Claim::Never(_) => { slots.release(&Held::Task { kind: None }); }
                    }
                }
                2 if !running.is_empty() => {
                    let held = running.swap_remove(pick % running.len());
                    for (_, held) in slots.release(&held) {
                        parked -= 1;
                        running.push(held);
                    }
                }
                3 if polls > 0 => {
                    polls -= 1;
                    for (_, held) in slots.release(&Held::Poll) {
                        parked -= 1;
                        running.push(held);
                    }
                }
                _ => {}
            }
            let is_video = |held: &&Held| matches!(held, Held::Task { kind: Some(_) });
            prop_assert!(running.iter().filter(is_video).count() <= video);
            prop_assert!(polls + running.len() <= limit);
            prop_assert!(parked <= lot.max(1), "no more than the lot has room for");
            prop_assert_eq!(slots.tasks(), running.len());
        }
    }
}
