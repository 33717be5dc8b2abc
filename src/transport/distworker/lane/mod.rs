//! One connection: opened, registered, served until it ends, and opened again.

mod open;
mod serve;

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{debug, info, warn};

pub(super) use self::open::{First, connect, open};
use self::serve::serve;
use super::pace::{End, Next, Pace};
use super::state::{Leaving, Order, Shared};
use super::wire::{self, Incoming};
use crate::transport::http::SocketMessage;

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
