//! What the shelf does in every order of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn steps(asked: Asked<u32>) -> Vec<Step<u32>> {
    match asked {
        Asked::Waits(steps) => steps,
        other => panic!("it does not wait: {other:?}"),
    }
}

/// A shelf where these models are there, unpinned, the first one used longest ago.
fn shelf_with(budget: u64, models: &[(&str, u64)]) -> Shelf<u32> {
    let mut shelf = Shelf::new(budget);
    for (model, cost) in models {
        assert_eq!(
            steps(shelf.ask(model, Some(*cost), 0, false)),
            [Step::Load(name(model))]
        );
        assert_eq!(shelf.loaded(model), [Step::Give(name(model), 0)]);
        assert_eq!(shelf.unpin(model), []);
    }
    shelf
}

#[test]
fn many_who_ask_for_one_model_wait_for_one_load() {
    let mut shelf = Shelf::new(10);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::CostUnknown(1));
    assert_eq!(
        steps(shelf.ask("a", Some(4), 1, false)),
        [Step::Load(name("a"))]
    );
    assert_eq!(steps(shelf.ask("a", None, 2, false)), []);
    let given = [Step::Give(name("a"), 1), Step::Give(name("a"), 2)];
    assert_eq!(shelf.loaded("a"), given);
    assert_eq!(shelf.ask("a", None, 3, false), Asked::Given(3));
    assert_eq!(shelf.list(), [(name("a"), 4, Some(3))]);
}

#[test]
fn a_failed_load_is_tried_again_by_the_next_one() {
    let mut shelf = Shelf::new(10);
    steps(shelf.ask("a", Some(4), 1, false));
    steps(shelf.ask("a", Some(4), 2, false));
    assert_eq!(shelf.failed("a"), (vec![1, 2], vec![]));
    assert_eq!(shelf.used(), 0);
    assert_eq!(
        steps(shelf.ask("a", Some(4), 3, false)),
        [Step::Load(name("a"))]
    );
}

#[test]
fn the_least_recently_used_leave_and_no_more_than_needed() {
    let mut shelf = shelf_with(10, &[("a", 3), ("b", 3), ("c", 3)]);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::Given(1));
    shelf.unpin("a");
    let leaving = steps(shelf.ask("d", Some(4), 2, false));
    assert_eq!(leaving, [Step::Evict(name("b"))]);
    assert_eq!(shelf.left("b"), [Step::Load(name("d"))]);
    assert_eq!(shelf.used(), 10);
}

#[test]
fn a_model_that_is_larger_than_everything_is_refused_at_once() {
    let mut shelf = shelf_with(10, &[("a", 10)]);
    let refused = shelf.ask("b", Some(11), 7, false);
    assert_eq!(
        refused,
        Asked::NeverFits {
            ticket: 7,
            budget: 10
        }
    );
    assert_eq!(
        steps(shelf.ask("c", Some(10), 8, false)),
        [Step::Evict(name("a"))]
    );
}

#[test]
fn nobody_leaves_for_a_model_that_would_not_fit_all_the_same() {
    let mut shelf = shelf_with(10, &[("a", 4), ("b", 6)]);
    assert_eq!(shelf.ask("b", None, 1, false), Asked::Given(1));
    assert_eq!(steps(shelf.ask("c", Some(8), 2, false)), []);
    let both = [Step::Evict(name("a")), Step::Evict(name("b"))];
    assert_eq!(shelf.unpin("b"), both);
    assert_eq!(shelf.left("a"), [], "not before both are gone");
    assert_eq!(shelf.left("b"), [Step::Load(name("c"))]);
}

#[test]
fn who_needs_little_room_does_not_pass_who_needs_much() {
    let mut shelf = shelf_with(10, &[("a", 6)]);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::Given(1));
    assert_eq!(steps(shelf.ask("large", Some(10), 2, false)), []);
    assert_eq!(steps(shelf.ask("small", Some(1), 3, false)), []);
    assert_eq!(shelf.unpin("a"), [Step::Evict(name("a"))]);
    assert_eq!(shelf.left("a"), [Step::Load(name("large"))]);
    assert_eq!(shelf.withdraw(&3), []);
}

#[test]
fn when_the_first_one_leaves_the_queue_the_next_one_moves_up() {
    let mut shelf = shelf_with(10, &[("a", 6)]);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::Given(1));
    assert_eq!(steps(shelf.ask("large", Some(10), 2, false)), []);
    assert_eq!(steps(shelf.ask("small", Some(1), 3, false)), []);
    assert_eq!(shelf.withdraw(&2), [Step::Load(name("small"))]);
}

#[test]
fn a_model_that_is_always_held_by_somebody_leaves_in_the_end() {
    let mut shelf = shelf_with(10, &[("a", 10)]);
    assert_eq!(shelf.ask("a", None, 0, false), Asked::Given(0));
    assert_eq!(steps(shelf.ask("b", Some(10), 1, false)), []);
    for ticket in 0..OVERTAKES {
        // The next one takes it before the last one has let go.
        assert_eq!(shelf.ask("a", None, ticket, false), Asked::Given(ticket));
        assert_eq!(shelf.unpin("a"), []);
    }
    assert_eq!(steps(shelf.ask("a", None, 99, false)), []);
    assert_eq!(shelf.unpin("a"), [Step::Evict(name("a"))]);
    assert_eq!(shelf.left("a"), [Step::Load(name("b"))]);
    // And now it is the other way round.
    assert_eq!(shelf.loaded("b"), [Step::Give(name("b"), 1)]);
    assert_eq!(shelf.unpin("b"), [Step::Evict(name("b"))]);
    assert_eq!(shelf.left("b"), [Step::Load(name("a"))]);
}

#[test]
fn one_who_holds_a_model_goes_first() {
    let mut shelf = shelf_with(10, &[("a", 4), ("b", 3)]);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::Given(1));
    assert_eq!(steps(shelf.ask("large", Some(10), 2, false)), []);
    shelf.overtaken = OVERTAKES;
    assert_eq!(steps(shelf.ask("b", None, 3, false)), []);
    // The others wait for this one to give "a" back.
    assert_eq!(shelf.ask("b", None, 4, true), Asked::Given(4));
    let load = [Step::Load(name("c"))];
    assert_eq!(steps(shelf.ask("c", Some(3), 5, true)), load);
}

#[test]
fn a_model_is_evicted_when_the_last_one_lets_go_and_loaded_anew_for_the_next() {
    let mut shelf = shelf_with(10, &[("a", 4)]);
    assert_eq!(shelf.ask("a", None, 1, false), Asked::Given(1));
    assert_eq!(shelf.evict("a"), Evicted::Later);
    assert_eq!(shelf.evict("nothing"), Evicted::Absent);
    assert_eq!(shelf.ask("a", None, 2, false), Asked::CostUnknown(2));
    assert_eq!(steps(shelf.ask("a", Some(5), 2, false)), []);
    // It holds up nobody else.
    assert_eq!(
        steps(shelf.ask("b", Some(1), 3, false)),
        [Step::Load(name("b"))]
    );
    assert_eq!(shelf.unpin("a"), [Step::Evict(name("a"))]);
    assert_eq!(shelf.left("a"), [Step::Load(name("a"))]);
    assert_eq!(shelf.used(), 6);
}

#[test]
fn a_model_that_is_evicted_while_it_loads_is_given_to_those_who_waited() {
    let mut shelf = Shelf::new(10);
    steps(shelf.ask("a", Some(4), 1, false));
    assert_eq!(shelf.evict("a"), Evicted::Later);
    assert_eq!(shelf.loaded("a"), [Step::Give(name("a"), 1)]);
    assert_eq!(shelf.unpin("a"), [Step::Evict(name("a"))]);
    steps(shelf.ask("b", Some(4), 2, false));
    shelf.evict("b");
    shelf.withdraw(&2);
    assert_eq!(shelf.loaded("b"), [Step::Evict(name("b"))]);
}

#[test]
fn clearing_sends_all_away_that_nobody_holds() {
    let mut shelf = shelf_with(10, &[("a", 4), ("b", 6)]);
    assert_eq!(shelf.ask("b", None, 1, false), Asked::Given(1));
    steps(shelf.ask("c", Some(10), 2, false));
    let (waiting, left) = shelf.clear();
    assert_eq!((waiting, left), (vec![2], vec![Step::Evict(name("a"))]));
    assert_eq!(shelf.left("a"), []);
    assert_eq!(shelf.unpin("b"), [Step::Evict(name("b"))]);
    shelf.left("b");
    assert!(shelf.is_empty());
}

/// The world round a shelf: it loads, unloads and holds models, and knows what is true.
struct World {
    shelf: Shelf<u32>,
    budget: u64,
    loading: BTreeSet<Arc<str>>,
    leaving: BTreeSet<Arc<str>>,
    /// Pins, and when the model was last used.
    ready: BTreeMap<Arc<str>, (usize, u64)>,
    waiting: BTreeSet<u32>,
    next: u32,
    clock: u64,
    /// The eviction that is under way was asked for by name.
    by_name: bool,
}

fn cost_of(model: &str) -> u64 {
    u64::from(model.as_bytes()[0] - b'a') + 1
}

impl World {
    fn new(budget: u64) -> Self {
        Self {
            shelf: Shelf::new(budget),
            budget,
            loading: BTreeSet::new(),
            leaving: BTreeSet::new(),
            ready: BTreeMap::new(),
            waiting: BTreeSet::new(),
            next: 0,
            clock: 0,
            by_name: false,
        }
    }

    fn touch(&mut self, model: &Arc<str>, change: impl FnOnce(&mut usize)) {
        self.clock += 1;
        let (pins, used_at) = self.ready.get_mut(model).expect("it is there");
        change(pins);
        *used_at = self.clock;
    }

    fn obey(&mut self, steps: Vec<Step<u32>>) {
        let mut left = Vec::new();
        for step in steps {
            match step {
                Step::Give(model, ticket) => {
                    assert!(self.waiting.remove(&ticket), "nobody waits as {ticket}");
                    self.touch(&model, |pins| *pins += 1);
                }
                Step::Load(model) => {
                    let is_there = self.ready.contains_key(&model) || self.leaving.contains(&model);
                    assert!(!is_there && self.loading.insert(model), "loaded twice");
                }
                Step::Evict(model) => {
                    let (pins, used_at) = self.ready.remove(&model).expect("it is there");
                    assert_eq!(pins, 0, "somebody holds {model}");
                    left.push(used_at);
                    self.leaving.insert(model);
                }
            }
        }
        let kept = self.ready.values().filter(|(pins, _)| *pins == 0);
        let oldest = kept.map(|(_, used_at)| *used_at).min();
        if !self.by_name
            && let (Some(oldest), Some(newest)) = (oldest, left.iter().max())
        {
            assert!(*newest < oldest, "one used later left before another");
        }
        self.check();
    }

    fn check(&self) {
        let there = self.ready.keys().chain(&self.loading).chain(&self.leaving);
        let used: u64 = there.map(|model| cost_of(model)).sum();
        assert_eq!(self.shelf.used(), used);
        assert!(used <= self.budget, "over budget");
    }

    fn ask(&mut self, model: &Arc<str>, holds: bool) {
        let ticket = self.next;
        self.next += 1;
        let mut asked = self.shelf.ask(model, None, ticket, holds);
        if asked == Asked::CostUnknown(ticket) {
            asked = self.shelf.ask(model, Some(cost_of(model)), ticket, holds);
        }
        match asked {
            Asked::Given(_) => self.touch(model, |pins| *pins += 1),
            Asked::Waits(steps) => {
                self.waiting.insert(ticket);
                self.obey(steps);
            }
            Asked::NeverFits { .. } => assert!(cost_of(model) > self.budget),
            Asked::CostUnknown(_) => panic!("it was told"),
        }
    }

    fn load_ends(&mut self, model: &Arc<str>, well: bool) {
        if !self.loading.remove(model) {
            return;
        }
        if well {
            self.clock += 1;
            self.ready.insert(model.clone(), (0, self.clock));
            // An eviction by name may follow at once.
            self.by_name = true;
            let steps = self.shelf.loaded(model);
            self.obey(steps);
            self.by_name = false;
        } else {
            let (failed, steps) = self.shelf.failed(model);
            for ticket in failed {
                assert!(self.waiting.remove(&ticket));
            }
            self.obey(steps);
        }
    }

    fn unpin(&mut self, model: &Arc<str>, condemned: &BTreeSet<Arc<str>>) {
        if self.ready.get(model).is_some_and(|(pins, _)| *pins > 0) {
            self.touch(model, |pins| *pins -= 1);
            self.by_name = condemned.contains(model);
            let steps = self.shelf.unpin(model);
            self.obey(steps);
            self.by_name = false;
        }
    }

    fn leaves(&mut self, model: &Arc<str>) {
        if self.leaving.remove(model) {
            let steps = self.shelf.left(model);
            self.obey(steps);
        }
    }
}

proptest! {
    /// Never over budget, nobody who is held leaves, the least recently used leave first,
    /// and in the end everybody who waits has got a model or heard of a failure.
    #[test]
    fn whatever_happens_the_books_are_right_and_nobody_starves(
        budget in 1u64..9,
        events in prop::collection::vec((0u8..8, 0u8..6, 0u32..60), 1..200),
    ) {
        let mut world = World::new(budget);
        let mut condemned = BTreeSet::new();
        for (event, model, ticket) in events {
            let model: Arc<str> = char::from(b'a' + model).to_string().into();
            match event {
                0..=2 => world.ask(&model, ticket % 5 == 0),
                3 => world.load_ends(&model, true),
                4 => world.load_ends(&model, ticket % 3 != 0),
                5 => world.unpin(&model, &condemned),
                6 if ticket % 8 == 0 => {
                    if let Evicted::Now(steps) = world.shelf.evict(&model) {
                        world.by_name = true;
                        world.obey(steps);
                        world.by_name = false;
                    }
                    condemned.insert(model);
                }
                6 => {
                    if world.waiting.remove(&ticket) {
                        let steps = world.shelf.withdraw(&ticket);
                        world.obey(steps);
                    }
                }
                _ => world.leaves(&model),
            }
        }
        // From now on all goes well.
        for _ in 0..1000 {
            let models: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(Arc::from).into();
            for model in &models {
                world.load_ends(model, true);
                while world.ready.get(model).is_some_and(|(pins, _)| *pins > 0) {
                    world.unpin(model, &condemned);
                }
                world.leaves(model);
            }
            if world.waiting.is_empty() {
                break;
            }
        }
        prop_assert!(world.waiting.is_empty(), "{:?} wait for ever", world.waiting);
    }
}
