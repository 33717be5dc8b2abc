//! Messages of RXON 1.0b17 that have to be believed first, and events among them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::reply::Reply;
use crate::dev::recorder::RecordedEvent;
use crate::dev::state::{EventAnswer, Shared};
use crate::dev::trust;
use crate::dev::wire::v1_0b17::{self, EventMessage};
use crate::transport::rxon::security::MessageKind;

/// Checks that `worker` sent and signed this, just now and for the first time.
pub(super) fn believe(
    shared: &Shared,
    message: &Map<String, Value>,
    body: &[u8],
    kind: MessageKind,
    worker: &str,
) -> Result<(), Reply> {
    let refuse = |error: trust::Distrust| Reply::error(error.status(), &error.to_string());
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix = unix.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    shared
        .change(|state| {
            let unix = unix.saturating_add(state.quirks.clock_offset);
            trust::check_fresh(message, worker, &mut state.nonces, unix, Instant::now())
        })
        .map_err(refuse)?;
    match shared.settings.tokens.signing_key(worker) {
        Ok(key) => trust::check_signed(message, body, kind, worker, &key).map_err(refuse),
        Err(error) => Err(Reply::error(500, &error.to_string())),
    }
}

/// The members of a message.
pub(super) fn members(body: &[u8]) -> Result<Map<String, Value>, Reply> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Reply::error(400, "expected a JSON object")),
        Err(error) => Err(Reply::error(400, &error.to_string())),
    }
}

/// Takes an event, and keeps a record of it whatever becomes of it.
pub(super) fn take(shared: &Shared, worker: &str, body: &[u8], over_socket: bool) -> Reply {
    let arrived = Instant::now();
    let message = match members(body) {
        Ok(message) => message,
        Err(refused) => return refused,
    };
    let (reply, refused, chain) = judge(shared, worker, &message, body);
    let mut event = Value::Object(message);
    if let Some(chain) = chain {
        event["bubbling_chain"] = chain.into();
    }
    shared.change(|state| {
        state.record_event(RecordedEvent {
            worker: worker.to_owned(),
            event,
            over_socket,
            refused,
            arrived,
        });
    });
    reply
}

/// The answer, why it was not taken, and the chain of those it came through.
fn judge(
    shared: &Shared,
    worker: &str,
    message: &Map<String, Value>,
    body: &[u8],
) -> (Reply, Option<String>, Option<Vec<String>>) {
    if let Err(refused) = believe(shared, message, body, MessageKind::Event, worker) {
        let why = refused.text_of_error();
        return (refused, Some(why), None);
    }
    let event = match EventMessage::read(message) {
        Ok(event) => event,
        Err(error) => {
            let reply = Reply::json(200, v1_0b17::event_error(&error, false));
            return (reply, Some(error), None);
        }
    };
    match shared.change(|state| state.event(worker, &event)) {
        EventAnswer::Accepted => {
            let mut chain = event.bubbling_chain.unwrap_or_default();
            if worker != event.origin_worker_id && !chain.iter().any(|id| id == worker) {
                chain.push(worker.to_owned());
            }
            let reply = Reply::constant(v1_0b17::EVENT_ACCEPTED);
            (reply, None, Some(chain))
        }
        EventAnswer::BreaksContract(error) => {
            let reply = Reply::json(200, v1_0b17::event_error(&error, true));
            (reply, Some(error), None)
        }
        EventAnswer::Forbidden(error) => (Reply::error(403, &error), Some(error), None),
    }
}
