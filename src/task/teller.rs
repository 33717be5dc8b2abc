//! What a running task tells its orchestrator: events, each of them and in order, and
//! how far it is, of which the latest is enough.
//!
//! The handler puts things here, from any thread and as fast as it likes; a runner
//! beside the `OrchestratorPool` takes them out and sends one at a time. So a loop that
//! reports each of its rounds costs the worker one request a second, not one per round.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::id::{JobId, OrchestratorId, TaskId};
use crate::transport::{Event, ProgressUpdate, TransportError};

/// The least time between two reports of progress.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The same where the orchestrator counts them: by default 100 events within 60 s
/// (avtomatika 1.0b30).
pub(crate) const COUNTED_PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How many events of a task may wait to be sent.
const MOST_EVENTS: usize = 64;

/// The way from one task to its orchestrator.
#[derive(Debug)]
pub(crate) struct Teller {
    pub(crate) origin: OrchestratorId,
    task_id: TaskId,
    job_id: JobId,
    trace: BTreeMap<String, String>,
    queue: Mutex<Queue>,
    /// There is more to do for the runner, or it is wanted sooner.
    wake: Notify,
    /// The runner has ended.
    idle: Notify,
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Waiting>,
    progress: Option<(f64, String)>,
    /// Not to send progress before.
    quiet_until: Option<Instant>,
    running: bool,
    /// The task has ended: no more waiting.
    ending: bool,
}

/// An event that is to be sent.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) event: Event,
    /// Who waits to hear how it went.
    pub(crate) answer: Option<oneshot::Sender<Result<bool, TransportError>>>,
    /// Its place, free again when it is dropped.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What a runner does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this event.
    Event(Box<Waiting>),
    /// Send this progress.
    Progress(ProgressUpdate),
    /// Look again then, or when woken.
    Wait(Instant),
    /// End.
    Nothing,
}

impl Teller {
    /// `trace`: what progress tells of the trace.
    pub(crate) fn new(
        origin: OrchestratorId,
        task_id: TaskId,
        job_id: JobId,
        trace: BTreeMap<String, String>,
    ) -> Self {
        Self {
            origin,
            task_id,
            job_id,
            trace,
            queue: Mutex::default(),
            wake: Notify::new(),
            idle: Notify::new(),
            room: Arc::new(Semaphore::new(MOST_EVENTS)),
        }
    }

    /// Puts progress in the place of what waits to be sent. `true`: a runner is needed.
    pub(crate) fn put_progress(&self, value: f64, message: String) -> bool {
        let mut queue = self.lock();
        if queue.ending {
            // Somebody whom the handler has left behind.
            return false;
        }
        queue.progress = Some((value, message));
        self.begin(queue)
    }

    /// Puts an event behind the others. `true`: a runner is needed.
    pub(crate) fn put_event(&self, event: Waiting) -> bool {
        let mut queue = self.lock();
        queue.events.push_back(event);
        self.begin(queue)
    }

    /// A place for an event, as soon as there is one.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        let place = self.room.clone().acquire_owned().await;
        place.expect("nobody closes it")
    }

    /// A place for an event, if there is one.
    pub(crate) fn place_now(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    fn begin(&self, mut queue: MutexGuard<'_, Queue>) -> bool {
        let was_running = std::mem::replace(&mut queue.running, true);
        drop(queue);
        if was_running {
            self.wake.notify_one();
        }
        !was_running
    }

    /// For the runner; `interval` is the least time between two reports of progress.
    /// With [`Next::Nothing`] it has ended.
    pub(crate) fn next(&self, now: Instant, interval: Duration) -> Next {
        let mut queue = self.lock();
        if let Some(event) = queue.events.pop_front() {
            return Next::Event(Box::new(event));
        }
        if queue.progress.is_none() {
            queue.running = false;
            drop(queue);
            self.idle.notify_waiters();
            return Next::Nothing;
        }
        match queue.quiet_until {
            Some(until) if until > now && !queue.ending => Next::Wait(until),
            _ => {
                let (progress, message) = queue.progress.take().unwrap_or_default();
                queue.quiet_until = Some(now + interval);
                Next::Progress(ProgressUpdate {
                    task_id: self.task_id.clone(),
                    job_id: self.job_id.clone(),
                    progress,
                    message,
                    data: None,
                    trace_context: self.trace.clone(),
                })
            }
        }
    }

    /// There was too much of it: no progress before that time, when this is sent again
    /// unless something newer is there.
    pub(crate) fn keep_quiet(&self, until: Instant, unsent: ProgressUpdate) {
        let mut queue = self.lock();
        queue.quiet_until = Some(until);
        if !queue.ending {
            let unsent = (unsent.progress, unsent.message);
            queue.progress.get_or_insert(unsent);
        }
    }

    /// For the runner: ends when there may be more to do.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The task has ended: sends what waits without a pause, and returns when it is sent.
    pub(crate) async fn finish(&self) {
        self.lock().ending = true;
        self.wake.notify_one();
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            idle.as_mut().enable();
            if !self.lock().running {
                return;
            }
            idle.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn teller() -> Teller {
        Teller::new(OrchestratorId(0), "t".into(), "j".into(), BTreeMap::new())
    }

    fn progress(next: Next) -> f64 {
        match next {
            Next::Progress(update) => update.progress,
            other => panic!("no progress: {other:?}"),
        }
    }

    #[test]
    fn the_first_value_goes_at_once_and_then_the_latest() {
        let (teller, now) = (teller(), Instant::now());
        assert!(teller.put_progress(0.1, String::new()), "needs a runner");
        assert!(!teller.put_progress(0.2, String::new()), "has one");
        assert!((progress(teller.next(now, PROGRESS_INTERVAL)) - 0.2).abs() < 1e-9);
        teller.put_progress(0.3, String::new());
        teller.put_progress(0.4, String::new());
        let Next::Wait(until) = teller.next(now, PROGRESS_INTERVAL) else {
            panic!("too soon")
        };
        assert_eq!(until, now + PROGRESS_INTERVAL);
        assert!((progress(teller.next(until, PROGRESS_INTERVAL)) - 0.4).abs() < 1e-9);
        assert!(matches!(
            teller.next(until, PROGRESS_INTERVAL),
            Next::Nothing
        ));
        assert!(teller.put_progress(0.5, String::new()), "needs a new one");
        assert!(matches!(
            teller.next(until, PROGRESS_INTERVAL),
            Next::Wait(_)
        ));
    }

    proptest! {
        /// Whatever a handler does, and whenever: at most one value per interval, the
        /// last one always, and nothing once it is sent.
        #[test]
        fn values_are_few_and_the_last_one_arrives(
            steps in prop::collection::vec((0_u64..700, 0.0..1.0), 1..60),
        ) {
            let (teller, begin) = (teller(), Instant::now());
            let mut sent: Vec<(Instant, f64)> = Vec::new();
            let mut now = begin;
            for (pause, value) in &steps {
                now += Duration::from_millis(*pause);
                teller.put_progress(*value, String::new());
                if let Next::Progress(update) = teller.next(now, PROGRESS_INTERVAL) {
                    sent.push((now, update.progress));
                }
            }
            teller.lock().ending = true;
            while let Next::Progress(update) = teller.next(now, PROGRESS_INTERVAL) {
                sent.push((now, update.progress));
            }
            let last = steps.last().expect("not empty").1;
            prop_assert!((sent.last().expect("sent").1 - last).abs() < 1e-12);
            // All but the one at the end keep their distance.
            for pair in sent[..sent.len() - 1].windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= PROGRESS_INTERVAL);
            }
            prop_assert!(matches!(teller.next(now, PROGRESS_INTERVAL), Next::Nothing));
        }
    }
}
