//! A connection is opened and registered.

use std::time::Duration;

use tokio::time::sleep;

use super::read;
use crate::transport::TransportError;
use crate::transport::distworker::pace::End;
use crate::transport::distworker::refusal;
use crate::transport::distworker::state::Shared;
use crate::transport::distworker::wire::{Assignment, Incoming};
use crate::transport::http::{Socket, SocketEvent, SocketLimits, SocketSender};

/// The largest message that is taken. The controller has no limit of its own.
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;

/// The controller pings every 3 s (v0.0.6). With a ping of ours at this pace, it is
/// taken for gone when nothing at all came for 7.5 to 15 s.
pub(super) const PING_EVERY: Duration = Duration::from_millis(7500);

/// The task that came before the answer to the registration, if one did.
pub(in crate::transport::distworker) type First = Option<Assignment>;

/// Opens a connection, on which nothing has been said yet.
pub(in crate::transport::distworker) async fn open(
    shared: &Shared,
) -> Result<(Socket, SocketSender), TransportError> {
    let limits = SocketLimits {
        connect: shared.within,
        message: MESSAGE_LIMIT,
        ping: PING_EVERY,
    };
    let path = shared.url.socket_path();
    shared.http.open_socket(&path, &[], limits).await
}

/// Opens a connection and registers it. An assignment may come before the answer.
pub(in crate::transport::distworker) async fn connect(
    shared: &Shared,
) -> Result<(Socket, First), (End, TransportError)> {
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
