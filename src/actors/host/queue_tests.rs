//! No task is lost, none runs twice, and none waits behind threads that are blocked.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use async_channel::{Receiver, RecvError};
use futures_util::future::LocalBoxFuture;
use proptest::prelude::*;

use super::queue::{Place, TaskQueue, WITHDRAWN};

const THREADS: usize = 3;

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Receiving = LocalBoxFuture<'static, Result<Place<usize>, RecvError>>;

/// A handler thread as the test drives it.
struct Thread {
    places: Receiver<Place<usize>>,
    /// Receives the next task, once it has begun to.
    receives: Option<Receiving>,
    is_woken: Arc<Flag>,
    is_blocked: bool,
}

impl Thread {
    fn new(queue: &TaskQueue<usize>) -> Self {
        Self {
            places: queue.places(),
            receives: None,
            is_woken: Arc::default(),
            is_blocked: false,
        }
    }

    /// Returns `true` if it looks into the queue as soon as it is not blocked.
    fn is_awake(&self) -> bool {
        self.receives.is_none() || self.is_woken.0.load(Ordering::Relaxed)
    }

    /// Looks into the queue, once.
    fn step(&mut self) -> Option<usize> {
        if self.is_blocked || !self.is_awake() {
            return None;
        }
        self.is_woken.0.store(false, Ordering::Relaxed);
        let places = self.places.clone();
        let receives = self
            .receives
            .get_or_insert_with(|| Box::pin(async move { places.recv().await }));
        let waker = Waker::from(self.is_woken.clone());
        match Pin::new(receives).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(place) => {
                self.receives = None;
                place.expect("the queue is open").take()
            }
            Poll::Pending => None,
        }
    }

    fn run(&mut self) -> Vec<usize> {
        let mut taken = Vec::new();
        while !self.is_blocked && self.is_awake() {
            taken.extend(self.step());
        }
        taken
    }
}

/// A queue and threads that all sleep.
fn asleep() -> (TaskQueue<usize>, [Thread; THREADS]) {
    let queue = TaskQueue::new(THREADS);
    let mut threads: [_; THREADS] = std::array::from_fn(|_| Thread::new(&queue));
    for thread in &mut threads {
        assert!(thread.run().is_empty());
    }
    (queue, threads)
}

fn block(threads: &mut [Thread]) {
    for thread in threads {
        thread.is_blocked = true;
    }
}

fn awake(threads: &[Thread]) -> Vec<bool> {
    threads.iter().map(Thread::is_awake).collect()
}

#[test]
fn a_task_wakes_one_thread_and_when_that_is_blocked_the_others_soon_after() {
    let (mut queue, mut threads) = asleep();
    queue.push(7);
    assert_eq!(awake(&threads), [true, false, false]);
    threads[0].is_blocked = true;
    queue.wake_all();
    assert_eq!(awake(&threads), [true, true, true]);
    assert_eq!(threads[2].run(), [7]);
    assert!(threads[1].run().is_empty());
}

#[test]
fn a_thread_that_was_woken_in_vain_does_not_stand_for_the_next_task() {
    let (queue, mut threads) = asleep();
    queue.push(1);
    threads[0].is_blocked = true;
    queue.push(2);
    assert_eq!(awake(&threads), [true, true, false]);
    assert_eq!(threads[1].run(), [1, 2]);
}

#[test]
fn a_thread_that_looks_while_a_task_comes_sees_it_whichever_is_first() {
    let (queue, mut threads) = asleep();
    queue.push(1);
    assert_eq!(threads[0].step(), Some(1), "it comes before the look");
    queue.push(2);
    // The next thread is woken for it, but the first has not slept since.
    assert_eq!(threads[0].run(), [2]);
    assert!(threads[1].run().is_empty());
    queue.push(3);
    assert_eq!(threads[2].run(), [3], "it comes after the look");
}

#[test]
fn with_all_threads_blocked_nothing_piles_up_but_the_tasks() {
    let (mut queue, mut threads) = asleep();
    block(&mut threads);
    for task in 0..100 {
        queue.push(task);
        queue.wake_all();
    }
    assert_eq!(queue.places().len(), 100 + THREADS);
    threads[1].is_blocked = false;
    assert_eq!(threads[1].run(), (0..100).collect::<Vec<_>>());
    queue.wake_all();
    assert!(queue.places().is_empty(), "nothing waits, nobody is woken");
}

#[test]
fn a_withdrawn_task_is_not_taken_and_leaves_nothing_behind() {
    let (mut queue, mut threads) = asleep();
    block(&mut threads);
    let task = queue.push(0);
    let kept = queue.push(1);
    assert!(queue.withdraw(&task));
    assert!(!queue.withdraw(&task), "only once");
    for task in 2..10 * WITHDRAWN {
        let place = queue.push(task);
        assert!(queue.withdraw(&place));
    }
    assert!(queue.places().len() <= WITHDRAWN + 1);
    threads[0].is_blocked = false;
    assert_eq!(threads[0].run(), [1]);
    assert!(!queue.withdraw(&kept), "a thread has it");
}

#[test]
fn a_queue_that_ends_drops_its_tasks_although_a_thread_keeps_its_end() {
    let queue = TaskQueue::new(1);
    let places = queue.places();
    let task = Arc::new(());
    let place = queue.push(task.clone());
    drop(queue);
    assert_eq!(Arc::strong_count(&task), 1);
    assert!(place.take().is_none() && places.is_closed());
}

#[test]
fn on_real_threads_every_task_is_taken_once() {
    const TASKS: usize = 20_000;
    let mut queue = TaskQueue::new(THREADS);
    let (taken, all_taken) = mpsc::channel();
    let thread = |_| {
        let (places, taken) = (queue.places(), taken.clone());
        std::thread::spawn(move || {
            while let Ok(place) = places.recv_blocking() {
                if let Some(task) = place.take() {
                    taken.send(task).expect("the test listens");
                }
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(thread).collect();
    for task in 0..TASKS {
        queue.push(task);
        if task % 10 == 0 {
            queue.wake_all();
        }
    }
    let seen: BTreeSet<_> = (0..TASKS)
        .map(|_| all_taken.recv().expect("a task"))
        .collect();
    assert_eq!(seen.len(), TASKS);
    drop(queue);
    for thread in threads {
        thread.join().expect("it ends with the queue");
    }
    assert!(all_taken.try_recv().is_err());
}

/// What may happen, in any order.
#[derive(Debug, Clone)]
enum Event {
    Push,
    /// A thread looks into the queue, and what it takes may block it.
    Step {
        thread: usize,
        blocks: bool,
    },
    /// A task goes on, and blocks its thread.
    Block(usize),
    Unblock(usize),
    /// The supervisor looks, if it has to.
    Look,
}

fn event() -> impl Strategy<Value = Event> {
    let thread = 0..THREADS;
    prop_oneof![
        4 => Just(Event::Push),
        6 => (thread.clone(), prop::bool::weighted(0.2))
            .prop_map(|(thread, blocks)| Event::Step { thread, blocks }),
        1 => thread.clone().prop_map(Event::Block),
        1 => thread.prop_map(Event::Unblock),
        2 => Just(Event::Look),
    ]
}

proptest! {
    #[test]
    fn a_thread_that_is_not_blocked_gets_to_every_task(
        events in prop::collection::vec(event(), 0..200),
        free in 0..THREADS,
    ) {
        let (mut queue, mut threads) = asleep();
        let (mut pushed, mut taken, mut is_watched) = (0, Vec::new(), false);
        for event in events {
            match event {
                Event::Push => {
                    queue.push(pushed);
                    pushed += 1;
                    is_watched = true;
                }
                Event::Step { thread, blocks } => {
                    let task = threads[thread].step();
                    threads[thread].is_blocked |= blocks && task.is_some();
                    taken.extend(task);
                }
                Event::Block(thread) => threads[thread].is_blocked = true,
                Event::Unblock(thread) => threads[thread].is_blocked = false,
                Event::Look => {
                    if std::mem::take(&mut is_watched) {
                        queue.wake_all();
                    }
                }
            }
        }

        // From here on only this one and the supervisor do anything.
        block(&mut threads);
        threads[free].is_blocked = false;
        taken.extend(threads[free].run());
        if is_watched {
            queue.wake_all();
        }
        taken.extend(threads[free].run());
        prop_assert_eq!(taken, (0..pushed).collect::<Vec<_>>(), "in order, once each");
    }
}
