//! The transport: what the worker asks of a controller, answered from what the
//! connections have brought.

mod poll;
mod tell;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::lane;
use super::setup::Identity;
use super::state::{Lane, Leaving, Order, Shared};
use super::url::ControllerUrl;
use super::wire::messages::WorkerHealth;
use crate::id::OrchestratorId;
use crate::task::{Task, TaskResult};
use crate::transport::http::Http;
use crate::transport::{
    Availability, BeatReply, Command, CommandLink, Event, Offer, OpeningCommands, ProgressUpdate,
    Receipt, Report, Standing, Transport, TransportError, WorkerCard,
};

/// How long the connections may take to close when the worker leaves.
const CLOSING: Duration = Duration::from_secs(3);

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, TransportError>>;

/// A [`Transport`] to a `DistWorker` controller.
///
/// Tasks come when they come, over one or more `WebSocket`s; polls wait for them. A
/// connection that ends is opened again by itself, with a wait before.
pub struct DistWorker {
    shared: Rc<Shared>,
    /// Given to the tasks that keep the connections, when they are started.
    orders: RefCell<Vec<mpsc::UnboundedReceiver<Order>>>,
    running: RefCell<Vec<AbortHandle>>,
    polls: Cell<usize>,
    hold: Option<Duration>,
}

impl DistWorker {
    pub(super) fn new(
        origin: OrchestratorId,
        http: Http,
        url: ControllerUrl,
        identity: Identity,
        connections: usize,
        within: Duration,
        hold: Option<Duration>,
    ) -> Self {
        let (lanes, orders) = (0..connections)
            .map(|_| {
                let (orders, taken) = mpsc::unbounded_channel();
                let is_up = Cell::new(false);
                (Lane { is_up, orders }, taken)
            })
            .unzip();
        let shared = Shared::new(origin, http, url, identity, within, lanes);
        Self {
            shared: Rc::new(shared),
            orders: RefCell::new(orders),
            running: RefCell::default(),
            polls: Cell::new(0),
            hold,
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn start(&self) {
        if self.running.borrow().is_empty() {
            let shared = self.shared.clone();
            let watch = actix_rt::spawn(async move { shared.watch_idleness().await });
            self.running.borrow_mut().push(watch.abort_handle());
        }
        for (place, orders) in self.orders.take().into_iter().enumerate() {
            let lane = actix_rt::spawn(lane::run(self.shared.clone(), place, orders));
            self.running.borrow_mut().push(lane.abort_handle());
        }
    }

    /// The error that says it is over, if it is, once the connections are closed.
    async fn over(&self) -> Result<(), TransportError> {
        let Some(over) = self.shared.over.borrow().clone() else {
            return Ok(());
        };
        let closed = self.shared.until(|shared| !shared.is_up());
        let _ = timeout(CLOSING, closed).await;
        Err(TransportError::Dismissed {
            reason: over.reason,
            in_order: over.in_order,
        })
    }
}

impl Transport for DistWorker {
    /// Waits until a connection is registered; failures are logged where they happen.
    fn register(&self, card: Arc<WorkerCard>, _: Report) -> Answer<'_, ()> {
        Box::pin(async move {
            *self.shared.card.borrow_mut() = Some(card);
            self.start();
            let settled = |shared: &Shared| shared.is_up() || shared.over.borrow().is_some();
            self.shared.until(settled).await;
            self.over().await
        })
    }

    /// Only a change of our health goes out at once; the rest waits for the next
    /// heartbeat of the protocol.
    fn heartbeat(&self, report: Report) -> Answer<'_, BeatReply> {
        Box::pin(async move {
            let shared = &self.shared;
            let (health, leaving) = match report.availability {
                Availability::Draining => (WorkerHealth::Down, Leaving::WhenFree),
                Availability::Offline => (WorkerHealth::Down, Leaving::Now),
                _ => (WorkerHealth::Up, Leaving::No),
            };
            if report.usage.is_some() {
                *shared.usage.borrow_mut() = report.usage;
            }
            if shared.health.replace(health) != health {
                shared.tell();
            }
            shared.leave(leaving);
            if leaving == Leaving::Now {
                let closed = shared.until(|shared| !shared.is_up());
                let _ = timeout(CLOSING, closed).await;
            }
            Ok(BeatReply::default())
        })
    }

    fn probe(&self) -> Answer<'_, Standing> {
        let standing = if self.shared.is_up() {
            Standing::Known
        } else {
            Standing::Forgotten
        };
        Box::pin(ready(Ok(standing)))
    }

    fn poll(&self, _: Offer) -> Answer<'_, Option<Task>> {
        Box::pin(self.wait_for_task())
    }

    /// A task is taken at the very end, in one step with the answer.
    fn poll_is_cancel_safe(&self) -> bool {
        true
    }

    fn pushes(&self) -> usize {
        self.shared.lanes.len()
    }

    fn deliver(&self, result: Arc<TaskResult>) -> Answer<'_, Receipt> {
        Box::pin(async move { self.give_result(&result).await })
    }

    fn progress(&self, update: ProgressUpdate) -> Answer<'_, ()> {
        let ProgressUpdate {
            task_id,
            progress,
            message,
            data,
            ..
        } = update;
        let sent = self.send_progress(&task_id, progress, message, data.as_ref());
        Box::pin(ready(sent.map(drop)))
    }

    /// The controller knows no events but progress with data, which it streams to
    /// whoever waits for the task.
    fn event(&self, event: Event) -> Answer<'_, bool> {
        let payload = Some(&event.payload);
        Box::pin(ready(self.send_progress(
            &event.task_id,
            0.0,
            event.name,
            payload,
        )))
    }

    fn has_own_commands(&self) -> bool {
        true
    }

    fn open_commands(&self) -> Option<OpeningCommands<'_>> {
        let link = Orphans(self.shared.clone());
        let link: Box<dyn CommandLink> = Box::new(link);
        Some(Box::pin(ready(Ok(link))))
    }
}

/// Tells of the tasks that went with their connections.
struct Orphans(Rc<Shared>);

impl CommandLink for Orphans {
    fn next(&mut self) -> Answer<'_, Command> {
        Box::pin(async {
            self.0.until(|s| !s.orphans.borrow().is_empty()).await;
            let orphan = self.0.orphans.borrow_mut().pop_front();
            Ok(Command::Orphan(
                orphan.expect("there is one, and only we take them"),
            ))
        })
    }

    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

impl Drop for DistWorker {
    fn drop(&mut self) {
        for lane in self.running.borrow().iter() {
            lane.abort();
        }
    }
}

/// Says who talks to whom; the token stays out.
impl fmt::Debug for DistWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistWorker")
            .field("origin", &self.shared.origin)
            .field("url", &self.shared.url)
            .field("connections", &self.shared.lanes.len())
            .finish_non_exhaustive()
    }
}

impl From<DistWorker> for Rc<dyn Transport> {
    fn from(transport: DistWorker) -> Self {
        Rc::new(transport)
    }
}
