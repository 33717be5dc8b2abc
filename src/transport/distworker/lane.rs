//! One connection: opened, registered, served until it ends, and opened again.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::confirm::{Due, Unconfirmed, Written};
use super::outcome;
use super::pace::{End, Next, Pace};
use super::refusal;
use super::state::{Leaving, Order, Shared};
use super::wire::messages::{Heartbeat, Payload, TaskAssign};
use super::wire::{self, Incoming};
use crate::transport::TransportError;
use crate::transport::http::{Socket, SocketEvent, SocketLimits, SocketMessage, SocketSender};

/// The largest message that is taken. The controller has no limit of its own.
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;

/// The controller pings every 3 s (v0.0.6). With a ping of ours at this pace, it is
/// taken for gone when nothing at all came for 7.5 to 15 s.
const PING_EVERY: Duration = Duration::from_millis(7500);

/// With more connections results are asked for at once: those that wait for the next
/// assignment must leave room among the results under way (`policy/outbox.rs`).
const BY_TURNS: usize = 8;

/// How long to wait where others of us are connected and this one has given up.
const ONE_OF_MANY: Duration = Duration::from_secs(30);

/// Keeps one connection, for as long as the worker runs.
pub(super) async fn run(
    shared: Rc<Shared>,
    place: usize,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    if place > 0 {
        // The first one finds out whether we are welcome.
        shared.until(Shared::is_up).await;
    }
    let identity = &shared.identity;
    let mut pace = Pace::new(
        identity.reconnect_after,
        identity.attempts,
        identity.has_id(),
    );
    let mut last_error = String::new();
    while shared.leaving.get() == Leaving::No {
        let (end, error) = match connect(&shared).await {
            Ok((socket, first)) => {
                pace.registered();
                last_error.clear();
                info!(controller = ?shared.url.origin(), connection = place, "connected");
                shared.opened(place);
                let ended = serve(&shared, place, socket, first, &mut orders).await;
                shared.closed(place);
                // What was meant for this connection goes nowhere else.
                while orders.try_recv().is_ok() {}
                match ended {
                    Ok(()) => return,
                    Err(error) => (End::Broken, error),
                }
            }
            Err(ended) => ended,
        };
        let error = error.to_string();
        let wait = match pace.ended(end, fastrand::f64()) {
            Next::Wait(wait) => wait,
            Next::TooMany(_) if shared.is_up() => ONE_OF_MANY,
            Next::TooMany(count) => {
                return shared.give_up(
                    format!("{count} failures in a row, the last: {error}"),
                    false,
                );
            }
            Next::SessionGone => {
                let id = &identity.worker_id;
                return shared.give_up(
                    format!(
                        "worker id {id:?} is not accepted any more, its session is gone: {error}"
                    ),
                    false,
                );
            }
        };
        if error == last_error {
            debug!(connection = place, %error, again_in = ?wait, "no connection again");
        } else {
            warn!(connection = place, %error, again_in = ?wait, "no connection to the controller");
            last_error = error;
        }
        let leaving = shared.until(|shared| shared.leaving.get() > Leaving::No);
        tokio::select! {
            () = sleep(wait) => {}
            () = leaving => {}
        }
    }
}

/// The task that came before the answer to the registration, if one did.
pub(super) type First = Option<TaskAssign>;

/// Opens a connection, on which nothing has been said yet.
pub(super) async fn open(shared: &Shared) -> Result<(Socket, SocketSender), TransportError> {
    let limits = SocketLimits {
        connect: shared.within,
        message: MESSAGE_LIMIT,
        ping: PING_EVERY,
    };
    let path = shared.url.socket_path();
    shared.http.open_socket(&path, &[], limits).await
}

/// Opens a connection and registers it. An assignment may come before the answer.
pub(super) async fn connect(shared: &Shared) -> Result<(Socket, First), (End, TransportError)> {
    let broken = |error| (End::Broken, error);
    let (mut socket, _) = open(shared).await.map_err(broken)?;
    socket.write_binary(shared.registration()).map_err(broken)?;
    let late = sleep(shared.within);
    tokio::pin!(late);
    loop {
        let event = tokio::select! {
            biased;
            event = socket.next_event() => event,
            () = &mut late => {
                let reason = format!("no answer to the registration within {:?}", shared.within);
                return Err((End::Broken, TransportError::NoAnswer { reason }));
            }
        };
        match event {
            Ok(SocketEvent::Message(message)) => match read(message) {
                Some(Ok(Incoming::Registered(response))) => {
                    shared.told_idle_time(response.idle_time);
                    return Ok((socket, None));
                }
                Some(Ok(Incoming::Assigned(task))) => return Ok((socket, Some(*task))),
                Some(Ok(Incoming::Nothing(_)) | Err(_)) | None => {}
            },
            Ok(SocketEvent::Pong(_)) => {}
            // The controller says no by hanging up (v0.0.6).
            Err(error @ (TransportError::NoAnswer { .. } | TransportError::Unavailable { .. })) => {
                drop(socket);
                return Err((End::Refused, refusal::explain(shared, &error).await));
            }
            Err(error) => {
                socket.close().await;
                return Err((End::Broken, error));
            }
        }
    }
}

/// A message, if it is one; others are logged.
fn read(message: SocketMessage) -> Option<Result<Incoming, wire::Unreadable>> {
    let bytes = match message {
        SocketMessage::Binary(bytes) => bytes,
        SocketMessage::Text(text) => {
            warn!(size = text.len(), "a text message, ignored");
            return None;
        }
    };
    let read = wire::read(&bytes);
    match &read {
        Ok(Incoming::Nothing(what)) => warn!(what, "a message that means nothing here, ignored"),
        Err(error) => warn!(%error, size = bytes.len(), "a message cannot be read"),
        Ok(_) => {}
    }
    Some(read)
}

/// Serves a registered connection to its end. `Ok`: we have closed it.
async fn serve(
    shared: &Shared,
    place: usize,
    socket: Socket,
    first: Option<TaskAssign>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Result<(), TransportError> {
    let by_turns = shared.lanes.len() <= BY_TURNS;
    let mut connection = Connection {
        shared,
        place,
        socket,
        unconfirmed: Unconfirmed::new(by_turns, shared.within),
    };
    if let Some(task) = first {
        connection.assigned(task);
    }
    let ended = connection.serve(orders).await;
    if !matches!(ended, Err(TransportError::NoAnswer { .. })) {
        let Connection {
            socket,
            mut unconfirmed,
            ..
        } = connection;
        // Whoever answers our goodbye has read everything before it.
        if socket.close().await && ended.is_ok() {
            unconfirmed.all();
        }
    }
    ended
}

struct Connection<'a> {
    shared: &'a Shared,
    place: usize,
    socket: Socket,
    unconfirmed: Unconfirmed,
}

impl Connection<'_> {
    async fn serve(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Result<(), TransportError> {
        let shared = self.shared;
        let mut health = shared.health.get();
        self.beat()?;
        let beat = sleep(shared.identity.heartbeat_every);
        tokio::pin!(beat);
        // When to look after unconfirmed results again. It is put forward at once and put
        // off only when it comes, so that most results do not touch it.
        let look = sleep(Duration::ZERO);
        tokio::pin!(look);
        let mut look_at: Option<Instant> = None;
        loop {
            let changed = shared.changed();
            if shared.health.get() != health {
                health = shared.health.get();
                self.beat()?;
            }
            // Whatever is to be written goes first. Then goodbye at once, in one go with
            // the last result: a controller that sees us free assigns the next task.
            if self.may_leave() && orders.is_empty() {
                return Ok(());
            }
            if let Some(at) = self.look_after_results()?
                && look_at.is_none_or(|set| at < set)
            {
                look.as_mut().reset(at);
                look_at = Some(at);
            }
            tokio::select! {
                biased;
                event = self.socket.next_event() => self.take(event?)?,
                Some(order) = orders.recv() => self.write(order)?,
                () = changed => {}
                () = &mut look, if look_at.is_some() => look_at = None,
                () = &mut beat => {
                    self.beat()?;
                    beat.as_mut().reset(Instant::now() + shared.identity.heartbeat_every);
                }
            }
        }
    }

    /// Sends the ping that is due, if there is one, and says when to look again.
    fn look_after_results(&mut self) -> Result<Option<Instant>, TransportError> {
        loop {
            match self.unconfirmed.due(Instant::now()) {
                // Our goodbye will do as well.
                Due::Ping(_) if self.may_leave() => {}
                Due::Ping(number) => {
                    let payload = Bytes::copy_from_slice(&number.to_be_bytes());
                    self.socket.write_ping(payload)?;
                }
                Due::Later(at) => return Ok(Some(at)),
                Due::Nothing => return Ok(None),
            }
        }
    }

    fn may_leave(&self) -> bool {
        match self.shared.leaving.get() {
            Leaving::No => false,
            Leaving::WhenFree => self.shared.books.borrow().is_free(self.place),
            Leaving::Now => true,
        }
    }

    fn take(&mut self, event: SocketEvent) -> Result<(), TransportError> {
        match event {
            SocketEvent::Message(message) => match read(message) {
                Some(Ok(Incoming::Assigned(task))) => self.assigned(*task),
                Some(Ok(Incoming::Registered(response))) => {
                    self.shared.told_idle_time(response.idle_time);
                    self.shared.tell();
                }
                Some(Err(error)) => {
                    // The controller waits for an answer to what was an assignment.
                    if let Some(task_id) = error.task_id {
                        let bytes = outcome::unread(&task_id, &error.reason);
                        self.socket.write_binary(bytes)?;
                    }
                }
                Some(Ok(Incoming::Nothing(_))) | None => {}
            },
            SocketEvent::Pong(payload) => {
                if let Ok(number) = <[u8; 8]>::try_from(&*payload) {
                    self.unconfirmed.answered(u64::from_be_bytes(number));
                }
            }
        }
        Ok(())
    }

    fn assigned(&mut self, task: TaskAssign) {
        let task_id = task.task_id.as_str().into();
        if let Some(became) = self.shared.assigned(self.place, task) {
            self.unconfirmed.assigned(&task_id, became);
        }
    }

    fn write(&mut self, order: Order) -> Result<(), TransportError> {
        match order {
            Order::Message(bytes) => self.socket.write_binary(bytes),
            Order::End {
                task_id,
                bytes,
                returns,
                taken,
            } => {
                self.socket.write_binary(bytes)?;
                let in_turn = self.shared.answered(self.place, &task_id);
                let written = Written {
                    task_id,
                    returns,
                    at: Instant::now(),
                    taken,
                };
                self.unconfirmed.wrote(written, in_turn);
                Ok(())
            }
        }
    }

    fn beat(&mut self) -> Result<(), TransportError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_millis();
        let beat = Heartbeat {
            timestamp: i64::try_from(now).unwrap_or(0),
            health: self.shared.health.get() as i32,
            resource_usage: Some(self.shared.resource_usage()),
        };
        let bytes = wire::write(Payload::Heartbeat(beat));
        self.socket.write_binary(bytes)
    }
}
