//! A pool of processes that stay from task to task: who does which task is decided by
//! `roster.rs`, a process and its tasks are in `seat.rs`, and here is what connects them.

mod roster;
mod seat;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use roster::{Number, Roster, Step};

use super::keeper;
use super::order::Order;
use super::program::Ready;
use crate::task::Outcome;

/// News for the pool.
enum News {
    /// A process can take a task.
    Idle(Number),
    /// It is gone, and so is all it started.
    Gone { number: Number, served: bool },
    /// It was given a task when it had died already.
    Back(Order),
    /// A task that waits is called off.
    CalledOff(u64),
}

/// A task that waits for a process.
struct Waiting {
    number: u64,
    order: Order,
    watch: Option<AbortHandle>,
}

/// Runs a pool until nobody can give it tasks any more.
pub(super) async fn run(program: Arc<Ready>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let (tell, mut news) = mpsc::unbounded_channel();
    let mut pool = Pool {
        roster: Roster::new(program.processes(), program.is_ahead()),
        program,
        seats: HashMap::new(),
        waiting: VecDeque::new(),
        next: 0,
        tell,
    };
    loop {
        let rest = pool.act();
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => pool.take(order),
                // The worker is gone: its processes see that their seats are closed.
                None => return,
            },
            Some(news) = news.recv() => pool.hear(news),
            () = keeper::ending() => return,
            () = until(rest) => {}
        }
    }
}

struct Pool {
    program: Arc<Ready>,
    roster: Roster,
    seats: HashMap<Number, mpsc::UnboundedSender<Order>>,
    waiting: VecDeque<Waiting>,
    next: u64,
    tell: mpsc::UnboundedSender<News>,
}

impl Pool {
    /// Does all there is to do now. Returns until when it rests, if it does.
    fn act(&mut self) -> Option<Instant> {
        loop {
            match self.roster.step(self.waiting.len(), Instant::now()) {
                Step::Give(number) => self.give(number),
                Step::Start(number) => self.start(number),
                Step::Rest(until) => return Some(until),
                Step::Wait => return None,
            }
        }
    }

    /// A task waits now. It is watched, unless it gets a process at once.
    fn waits(&mut self, order: Order) -> Waiting {
        self.next += 1;
        let number = self.next;
        let watch = (!self.roster.has_idle()).then(|| {
            let (called_off, tell) = (order.called_off(), self.tell.clone());
            let watch = tokio::task::spawn_local(async move {
                called_off.await;
                let _ = tell.send(News::CalledOff(number));
            });
            watch.abort_handle()
        });
        Waiting {
            number,
            order,
            watch,
        }
    }

    fn take(&mut self, order: Order) {
        let waiting = self.waits(order);
        self.waiting.push_back(waiting);
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Idle(number) => self.roster.idle(number),
            News::Gone { number, served } => {
                self.seats.remove(&number);
                let jitter = fastrand::f64();
                self.roster.gone(number, served, Instant::now(), jitter);
            }
            News::Back(order) => {
                let waiting = self.waits(order);
                self.waiting.push_front(waiting);
            }
            News::CalledOff(number) => {
                let at = self.waiting.iter().position(|it| it.number == number);
                if let Some(found) = at.and_then(|at| self.waiting.remove(at)) {
                    drop(found.order.answer(Outcome::Cancelled));
                }
            }
        }
    }

    fn give(&mut self, number: Number) {
        let Some(waiting) = self.waiting.pop_front() else {
            return;
        };
        if let Some(watch) = waiting.watch {
            watch.abort();
        }
        let refused = match self.seats.get(&number) {
            Some(seat) => match seat.send(waiting.order) {
                Ok(()) => None,
                Err(mpsc::error::SendError(order)) => Some(order),
            },
            None => Some(waiting.order),
        };
        if let Some(order) = refused {
            // The end of that process is on the way to us.
            self.hear(News::Back(order));
        }
    }

    fn start(&mut self, number: Number) {
        match self.program.start(None, &[]) {
            Ok(process) => {
                let (seat, orders) = mpsc::unbounded_channel();
                self.seats.insert(number, seat);
                let seat = seat::Seat::new(number, self.program.clone(), self.tell.clone());
                tokio::task::spawn_local(seat.run(process, orders));
                self.roster.idle(number);
            }
            Err(error) => {
                tracing::warn!(%error, "a process of a pool cannot be started");
                self.roster
                    .gone(number, false, Instant::now(), fastrand::f64());
                // It would wait for a process that never comes.
                if let Some(waiting) = self.waiting.pop_front() {
                    drop(waiting.order.answer(Outcome::Failed(error)));
                }
            }
        }
    }
}

async fn until(rest: Option<Instant>) {
    match rest {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
