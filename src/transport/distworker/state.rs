//! What the connections to one controller share, and what the worker sees of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::books::{Assigned, Books};
use super::machine::{self, Meter};
use super::setup::Identity;
use super::url::ControllerUrl;
use super::wire::messages::WorkerHealth;
use super::wire::messages::{ResourceInfo, ResourceUsage, SignedWorkerRegister};
use super::wire::structs::{Struct, Whole};
use super::{outcome, wire};
use crate::id::{OrchestratorId, TaskId};
use crate::json::RawJson;
use crate::transport::http::Http;
use crate::transport::{Usage, WorkerCard};

/// How far the worker is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaving {
    No,
    /// Each connection closes when its task has ended.
    WhenFree,
    Now,
}

/// Something to be written to one connection.
#[derive(Debug)]
pub(super) enum Order {
    /// The end of a task. `taken` hears when the controller has read it; it is dropped
    /// when the connection ends before.
    End {
        task_id: TaskId,
        bytes: Bytes,
        /// Whether the controller may assign the task again.
        returns: bool,
        taken: oneshot::Sender<()>,
    },
    Message(Bytes),
}

/// One connection, as the others see it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) is_up: Cell<bool>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
}

/// Why it is over with this controller.
#[derive(Debug, Clone)]
pub(super) struct Over {
    pub(super) reason: String,
    pub(super) in_order: bool,
}

pub(super) struct Shared {
    pub(super) origin: OrchestratorId,
    pub(super) http: Http,
    pub(super) url: ControllerUrl,
    pub(super) identity: Identity,
    /// How long connecting and registering may take, each.
    pub(super) within: Duration,
    pub(super) lanes: Vec<Lane>,
    pub(super) books: RefCell<Books>,
    pub(super) card: RefCell<Option<Arc<WorkerCard>>>,
    pub(super) leaving: Cell<Leaving>,
    pub(super) over: RefCell<Option<Over>>,
    pub(super) health: Cell<WorkerHealth>,
    pub(super) usage: RefCell<Option<Arc<Usage>>>,
    pub(super) meter: RefCell<Meter>,
    /// Tasks that run here and whose results nobody will take.
    pub(super) orphans: RefCell<VecDeque<TaskId>>,
    /// How long the controller lets us idle, if not for ever.
    idle_time: Cell<Option<Duration>>,
    idle_since: Cell<Instant>,
    changed: Notify,
    /// For polls: a task is ready, or something else has changed.
    moved: Notify,
}

impl Shared {
    pub(super) fn new(
        origin: OrchestratorId,
        http: Http,
        url: ControllerUrl,
        identity: Identity,
        within: Duration,
        lanes: Vec<Lane>,
    ) -> Self {
        let books = Books::new(lanes.len(), identity.has_id());
        Self {
            origin,
            http,
            url,
            identity,
            within,
            lanes,
            books: RefCell::new(books),
            card: RefCell::default(),
            leaving: Cell::new(Leaving::No),
            over: RefCell::default(),
            health: Cell::new(WorkerHealth::Up),
            usage: RefCell::default(),
            meter: RefCell::default(),
            orphans: RefCell::default(),
            idle_time: Cell::new(None),
            idle_since: Cell::new(Instant::now()),
            changed: Notify::new(),
            moved: Notify::new(),
        }
    }

    /// Whether any connection is registered.
    pub(super) fn is_up(&self) -> bool {
        self.lanes.iter().any(|lane| lane.is_up.get())
    }

    /// Waits for the next change of anything in here but the tasks. The future must be
    /// made before looking at what may change.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The same, with tasks that are ready.
    pub(super) fn moved(&self) -> Notified<'_> {
        self.moved.notified()
    }

    pub(super) fn tell(&self) {
        self.changed.notify_waiters();
        self.moved.notify_waiters();
    }

    /// Waits until something holds, looking after every change.
    pub(super) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn leave(&self, how: Leaving) {
        if how > self.leaving.get() {
            self.leaving.set(how);
            for (lane, task_id) in self.books.borrow_mut().refuse() {
                self.turn_away(lane, &task_id);
            }
            self.tell();
        }
    }

    fn turn_away(&self, lane: usize, task_id: &TaskId) {
        info!(%task_id, "sent back: the worker is about to end");
        let bytes = outcome::called_off(task_id.as_str(), "the worker is about to end");
        // Without a connection there is nobody to tell.
        let _ = self.lanes[lane].orders.send(Order::Message(bytes));
    }

    /// It is over with this controller.
    pub(super) fn give_up(&self, reason: String, in_order: bool) {
        *self.over.borrow_mut() = Some(Over { reason, in_order });
        self.leave(Leaving::WhenFree);
        self.tell();
    }

    /// A connection is registered.
    pub(super) fn opened(&self, lane: usize) {
        self.lanes[lane].is_up.set(true);
        self.tell();
    }

    pub(super) fn told_idle_time(&self, seconds: i32) {
        let time = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        let wanted = self.identity.idle_exit;
        self.idle_time
            .set(time.filter(|_| wanted).map(Duration::from_secs));
    }

    /// A connection has ended, and with it perhaps a task.
    pub(super) fn closed(&self, lane: usize) {
        self.lanes[lane].is_up.set(false);
        let (orphan, untaken) = self.books.borrow_mut().ended(lane);
        if untaken > 0 {
            warn!(
                untaken,
                "tasks are lost: their connection ended before they began"
            );
        }
        if let Some(task_id) = orphan {
            warn!(%task_id, "the connection ended that its result would be taken over, calling the task off");
            self.orphans.borrow_mut().push_back(task_id);
        }
        self.idle_since.set(Instant::now());
        self.tell();
    }

    /// A task was assigned over a connection. `None`: it was sent back.
    pub(super) fn assigned(&self, lane: usize, assigned: wire::Assignment) -> Option<Assigned> {
        let task = outcome::task(self.origin, assigned);
        if self.leaving.get() > Leaving::No {
            self.turn_away(lane, &task.id);
            return None;
        }
        let task_id = task.id.clone();
        let became = self.books.borrow_mut().assign(lane, task);
        match became {
            Assigned::Ready => {}
            Assigned::Waits => {
                warn!(%task_id, "assigned while another task runs on its connection, it waits");
            }
            Assigned::Repeated => {
                warn!(%task_id, "assigned again while it runs, ignored");
            }
        }
        if became == Assigned::Ready {
            self.wake_a_poll();
        }
        Some(became)
    }

    /// The end of a task was written over a connection. Returns whether it is the task
    /// that the connection has.
    pub(super) fn answered(&self, lane: usize, task_id: &TaskId) -> bool {
        let mut books = self.books.borrow_mut();
        let is_current = books.is_current(lane, task_id);
        let is_ready = books.answered(task_id);
        drop(books);
        self.idle_since.set(Instant::now());
        if is_ready {
            self.wake_a_poll();
        }
        if !is_current {
            // Other connections may have waited for it to leave.
            self.tell();
        }
        is_current
    }

    /// A task is ready. It is for one poll, and the others need not look; one that ends
    /// before it has looked wakes the next.
    fn wake_a_poll(&self) {
        self.moved.notify_one();
    }

    /// When it is time to leave, if nothing comes until then.
    fn idle_until(&self) -> Option<Instant> {
        let time = self.idle_time.get()?;
        self.books
            .borrow()
            .is_empty()
            .then(|| self.idle_since.get() + time)
    }

    /// Whether it is time to leave.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_until().is_some_and(|at| at <= Instant::now())
    }

    /// Wakes the polls when it is time to leave: one timer for all of them, that need not
    /// be set for each task.
    pub(super) async fn watch_idleness(&self) {
        loop {
            let changed = self.changed();
            let Some(time) = self.idle_time.get() else {
                changed.await;
                continue;
            };
            // A task that runs now leaves the whole time when it ends.
            let at = self.idle_until().unwrap_or_else(|| Instant::now() + time);
            tokio::select! {
                () = sleep_until(at) => {}
                () = changed => {}
            }
            if self.is_idle() {
                self.moved.notify_waiters();
                // A worker that does not poll now leaves when it does.
                let _ = tokio::time::timeout(time, self.changed()).await;
            }
        }
    }

    pub(super) fn resource_usage(&self) -> ResourceUsage {
        match &*self.usage.borrow() {
            Some(usage) => machine::told(usage),
            None => self.meter.borrow_mut().read(),
        }
    }

    /// The first message of a connection that is opened now.
    pub(super) fn registration(&self) -> Bytes {
        let card = self.card.borrow();
        let about = |card: &Arc<WorkerCard>| ResourceInfo {
            hostname: card.hostname.clone(),
            cpu_cores: machine::cores(),
            memory_mb: machine::memory_mb(),
            additional: about_worker(card),
        };
        let registration = SignedWorkerRegister {
            provisioner_name: self.identity.provisioner.clone(),
            worker_id: self.identity.worker_id.clone(),
            date: wire::date::write(std::time::SystemTime::now()),
            resource_info: card.as_ref().map(about),
        };
        wire::write_registration(&registration, self.identity.token.expose())
    }
}

/// What people may want to know when they look at the list of workers.
fn about_worker(card: &WorkerCard) -> Option<Struct> {
    let mut about = serde_json::Map::new();
    about.insert("worker_type".to_owned(), card.worker_type.clone().into());
    about.insert("worker".to_owned(), card.worker_id.as_str().into());
    if let Some(gpu) = &card.resources.gpu {
        about.insert("gpu_model".to_owned(), gpu.model.clone().into());
        about.insert("gpu_vram_gb".to_owned(), gpu.vram_gb.into());
    }
    let about = RawJson::from_serialize(&about).ok()?;
    Struct::of_json(&about, Whole::Rounded).ok()
}
