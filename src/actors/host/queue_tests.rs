//! No task is lost, none runs twice, and none waits behind threads that are blocked.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::TaskQueue;

const HANDS: usize = 3;
const TASKS: usize = 20_000;

#[test]
fn on_real_threads_every_task_is_taken_once() {
    let queue = Arc::new(TaskQueue::new(HANDS));
    let (calls, posts): (Vec<_>, Vec<_>) = (0..HANDS).map(|_| mpsc::channel::<()>()).unzip();
    let (taken, all_taken) = mpsc::channel();
    queue.open(move |hand| calls[hand].send(()).expect("a hand"));
    let hand = |(me, post): (usize, mpsc::Receiver<()>)| {
        let (queue, taken) = (queue.clone(), taken.clone());
        std::thread::spawn(move || {
            while let Ok(()) = post.recv() {
                while let Some(next) = queue.next(me, Instant::now()) {
                    taken.send(next.task).expect("the test waits");
                    queue.ended(me);
                }
            }
        })
    };
    let hands: Vec<_> = posts.into_iter().enumerate().map(hand).collect();
    for task in 0..TASKS {
        queue.push(task, true, Instant::now());
        queue.attend(Instant::now());
    }
    let seen: BTreeSet<_> = (0..TASKS)
        .map(|_| all_taken.recv().expect("a task"))
        .collect();
    assert_eq!(seen.len(), TASKS);
    assert!(all_taken.try_recv().is_err() && queue.inside().waiting.is_empty());
    drop(queue);
    drop(hands);
}

/// What may happen, in any order.
#[derive(Debug, Clone)]
enum Event {
    Push {
        works_there: bool,
    },
    /// A hand that is awake takes a task, which may block the hand's thread.
    Take {
        hand: usize,
        blocks: bool,
    },
    /// A task goes on, and blocks the thread.
    Block(usize),
    Unblock(usize),
    End(usize),
    Pass(u64),
    /// The supervisor attends to the queue, if it has to.
    Attend,
}

fn event() -> impl Strategy<Value = Event> {
    let hand = 0..HANDS;
    prop_oneof![
        4 => any::<bool>().prop_map(|works_there| Event::Push { works_there }),
        4 => (hand.clone(), prop::bool::weighted(0.2))
            .prop_map(|(hand, blocks)| Event::Take { hand, blocks }),
        1 => hand.clone().prop_map(Event::Block),
        1 => hand.clone().prop_map(Event::Unblock),
        2 => hand.prop_map(Event::End),
        2 => (0..2000_u64).prop_map(Event::Pass),
        2 => Just(Event::Attend),
    ]
}

/// The threads as they are in truth.
struct World {
    queue: TaskQueue<usize>,
    /// How often each was called and has not come to rest since.
    calls: Arc<[AtomicUsize; HANDS]>,
    blocked: [bool; HANDS],
    live: [usize; HANDS],
    now: Instant,
    pushed: usize,
    taken: Vec<usize>,
    is_watched: bool,
}

impl World {
    fn new() -> Self {
        let calls: Arc<[AtomicUsize; HANDS]> = Arc::default();
        let queue = TaskQueue::new(HANDS);
        let called = calls.clone();
        queue.open(move |hand| {
            called[hand].fetch_add(1, Ordering::Relaxed);
        });
        Self {
            queue,
            calls,
            blocked: [false; HANDS],
            live: [0; HANDS],
            now: Instant::now(),
            pushed: 0,
            taken: Vec::new(),
            is_watched: false,
        }
    }

    fn is_awake(&self, hand: usize) -> bool {
        self.calls[hand].load(Ordering::Relaxed) > 0
    }

    fn take(&mut self, hand: usize, blocks: bool) {
        if !self.is_awake(hand) || self.blocked[hand] {
            return;
        }
        match self.queue.next(hand, self.now) {
            Some(next) => {
                self.taken.push(next.task);
                self.live[hand] += usize::from(next.works_there);
                self.blocked[hand] = blocks && next.works_there;
            }
            None => self.calls[hand].store(0, Ordering::Relaxed),
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Push { works_there } => {
                self.queue.push(self.pushed, works_there, self.now);
                self.is_watched = true;
                self.pushed += 1;
            }
            Event::Take { hand, blocks } => self.take(hand, blocks),
            Event::Block(hand) => self.blocked[hand] |= self.live[hand] > 0,
            Event::Unblock(hand) => self.blocked[hand] = false,
            Event::End(hand) => {
                if self.live[hand] > 0 && !self.blocked[hand] {
                    self.live[hand] -= 1;
                    self.queue.ended(hand);
                }
            }
            Event::Pass(micros) => self.now += Duration::from_micros(micros),
            Event::Attend => {
                if self.is_watched {
                    self.is_watched = self.queue.attend(self.now).is_some();
                }
            }
        }
        let at_most_once = |calls: &AtomicUsize| calls.load(Ordering::Relaxed) <= 1;
        assert!(
            self.calls.iter().all(at_most_once),
            "two would look on one thread"
        );
    }
}

proptest! {
    #[test]
    fn a_thread_that_is_not_blocked_gets_to_every_task(
        events in prop::collection::vec(event(), 0..200),
        free in 0..HANDS,
    ) {
        let mut world = World::new();
        for event in events {
            world.happens(event);
        }
        // From here on only this one and the supervisor do anything.
        world.blocked = [true; HANDS];
        for hand in 0..HANDS {
            // One without live tasks cannot be blocked by them.
            world.blocked[hand] = hand != free && world.live[hand] > 0;
        }
        for _ in 0..4 * world.pushed + 100 {
            world.happens(Event::Pass(1000));
            (0..HANDS).for_each(|hand| world.take(hand, false));
            world.happens(Event::Attend);
        }
        prop_assert!(world.queue.inside().waiting.is_empty(), "{} of {}", world.taken.len(), world.pushed);
        prop_assert!(!world.is_watched, "nothing is left to watch");
        prop_assert_eq!(world.taken, (0..world.pushed).collect::<Vec<_>>(), "in order, once each");
    }
}

#[test]
fn many_tasks_that_wait_are_spread_over_threads_that_all_come_when_called() {
    let mut world = World::new();
    for _ in 0..1000 {
        world.happens(Event::Push { works_there: true });
        world.happens(Event::Attend);
        world.happens(Event::Pass(20));
        (0..HANDS).for_each(|hand| world.take(hand, false));
    }
    let (most, fewest) = (world.live.iter().max(), world.live.iter().min());
    let difference = most.unwrap() - fewest.unwrap();
    assert!(difference <= 17, "{:?}", world.live);
}

#[test]
fn a_withdrawn_task_is_not_taken_and_a_cleared_queue_drops_its_tasks() {
    let queue = TaskQueue::new(1);
    let task = Arc::new(());
    for number in 0..3 {
        queue.push((number, task.clone()), true, Instant::now());
    }
    assert!(queue.withdraw(|(number, _)| *number == 1).is_some());
    assert!(queue.withdraw(|(number, _)| *number == 1).is_none());
    let next = |queue: &TaskQueue<(i32, _)>| queue.next(0, Instant::now()).map(|it| it.task.0);
    assert_eq!(next(&queue), Some(0));
    queue.clear();
    assert_eq!(next(&queue), None);
    assert_eq!(Arc::strong_count(&task), 1);
}
