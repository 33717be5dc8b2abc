//! A registered connection: what comes and goes over it until it ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::open::PING_EVERY;
use super::{First, read};
use crate::transport::TransportError;
use crate::transport::distworker::confirm::{Due, Unconfirmed, Written};
use crate::transport::distworker::outcome;
use crate::transport::distworker::state::{Leaving, Order, Shared};
use crate::transport::distworker::wire::messages::{Heartbeat, Payload};
use crate::transport::distworker::wire::{self, Assignment, Incoming};
use crate::transport::http::{Socket, SocketEvent};

/// With more connections results are asked for at once: those that wait for the next
/// assignment must leave room among the results under way (`actors/courier/outbox.rs`).
const BY_TURNS: usize = 8;

/// A connection whose other side has fallen silent is noticed within two pings. One that
/// lives on for longer than that has read what was written before, even if it answers no
/// pings.
const BELIEVED_AFTER: Duration = PING_EVERY.saturating_mul(3);

/// Serves a registered connection to its end. `Ok`: we have closed it.
pub(super) async fn serve(
    shared: &Shared,
    place: usize,
    socket: Socket,
    first: First,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Result<(), TransportError> {
    let by_turns = shared.lanes.len() <= BY_TURNS;
    let mut connection = Connection {
        shared,
        place,
        socket,
        unconfirmed: Unconfirmed::new(by_turns, BELIEVED_AFTER),
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

    fn assigned(&mut self, task: Assignment) {
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
