//! What the orchestrator sends. It is believed as little as possible: unknown
//! fields are passed over, `null` stands for "not there", and what does not fit
//! its type is left out unless a task cannot be run without it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::id::OrchestratorId;
use crate::id::{JobId, TaskId};
use crate::json::RawJson;
use crate::task::Task;
use crate::transport::{BeatReply, CancelTarget, Receipt, TransportError};

/// The longest that a server can put off a heartbeat.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
struct WireTask<'a> {
    #[serde(borrow)]
    task_id: Cow<'a, str>,
    #[serde(borrow)]
    job_id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    name: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    tracing_context: Option<&'a RawValue>,
    #[serde(borrow)]
    params_metadata: Option<&'a RawValue>,
    // The rest is of newer dialects.
    #[serde(borrow)]
    priority: Option<&'a RawValue>,
    #[serde(borrow)]
    deadline: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    policy: Option<IgnoredAny>,
    security: Option<IgnoredAny>,
}

/// What was handed out: the task, and whether the text has more to say about it.
#[derive(Debug)]
pub(in super::super) struct Handout {
    pub(in super::super) task: Task,
    pub(in super::super) has_policy: bool,
    pub(in super::super) has_security: bool,
}

/// The task alone.
#[cfg(any(test, fuzzing))]
pub(in super::super) fn read_task(
    origin: OrchestratorId,
    body: &Bytes,
) -> Result<Task, TransportError> {
    read_handout(origin, body).map(|handout| handout.task)
}

/// Reads the answer to a poll. Parameters and metadata share the memory of `body`.
pub(in super::super) fn read_handout(
    origin: OrchestratorId,
    body: &Bytes,
) -> Result<Handout, TransportError> {
    let wire: Option<WireTask<'_>> = object_or_null(body).map_err(|error| {
        let task = ids_in(body);
        malformed(format!("this is not a task: {error}"), task)
    })?;
    let wire = wire.ok_or_else(|| malformed("null is not a task", None))?;
    let part = |raw: Option<&RawValue>| raw.map(|raw| RawJson::slice_of(body, raw));
    let mut task = Task::new(
        origin,
        &*wire.task_id,
        &*wire.job_id,
        &*wire.name,
        part(wire.params).unwrap_or_else(RawJson::empty_object),
    );
    task.params_metadata = part(wire.params_metadata);
    task.metadata = part(wire.metadata);
    task.tracing_context = texts(wire.tracing_context);
    task.priority = lenient(wire.priority).unwrap_or_default();
    task.deadline = lenient(wire.deadline)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Ok(Handout {
        task,
        has_policy: wire.policy.is_some(),
        has_security: wire.security.is_some(),
    })
}

/// The ids in what should have been a task, if both can be read. What follows them
/// may be broken or missing.
pub(in super::super) fn ids_in(body: &[u8]) -> Option<(TaskId, JobId)> {
    #[derive(Default)]
    struct Found {
        task: Option<String>,
        job: Option<String>,
    }

    impl<'de> DeserializeSeed<'de> for &mut Found {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
            reader.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for &mut Found {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                let value = map.next_value::<&RawValue>()?;
                match &*key {
                    "task_id" => self.task = lenient(Some(value)),
                    "job_id" => self.job = lenient(Some(value)),
                    _ => {}
                }
            }
            Ok(())
        }
    }

    let mut found = Found::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    // An error on the way ends the search; what was found before it counts.
    let _ = found.deserialize(&mut reader);
    Some((found.task?.into(), found.job?.into()))
}

/// Reads the answer to a heartbeat or a probe: `null` when the orchestrator does
/// not know the worker, else an object, mostly the worker's whole record.
pub(in super::super) fn read_beat_reply(body: &[u8]) -> Result<BeatReply, TransportError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        cancel_task_ids: Option<&'a RawValue>,
        #[serde(borrow)]
        next_heartbeat_jitter_ms: Option<&'a RawValue>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText {
        Number(f64),
        Text(String),
    }

    let wire: Option<Wire<'_>> = object_or_null(body)
        .map_err(|error| malformed(format!("this does not answer a heartbeat: {error}"), None))?;
    let Some(wire) = wire else {
        return Ok(BeatReply {
            forgotten: true,
            ..BeatReply::default()
        });
    };
    let millis = match lenient(wire.next_heartbeat_jitter_ms) {
        Some(NumberOrText::Number(number)) => Some(number),
        Some(NumberOrText::Text(text)) => text.trim().parse().ok(),
        None => None,
    };
    let cancel: Vec<Box<RawValue>> = lenient(wire.cancel_task_ids).unwrap_or_default();
    Ok(BeatReply {
        forgotten: false,
        cancel: cancel
            .iter()
            .filter_map(|id| lenient(Some(id)).map(CancelTarget))
            .collect(),
        extra_delay: millis
            .filter(|&millis| millis > 0.0)
            .map(|millis| Duration::try_from_secs_f64(millis / 1e3).unwrap_or(LONGEST_DELAY))
            .map(|delay| delay.min(LONGEST_DELAY)),
    })
}

/// Reads the answer to a registration: any object will do, but a page of some
/// other server will not.
pub(in super::super) fn read_registered(body: &[u8]) -> Result<(), TransportError> {
    #[derive(Deserialize)]
    struct Wire {}
    match object_or_null::<Wire>(body) {
        Ok(Some(Wire {})) => Ok(()),
        Ok(None) => Err(malformed("null does not answer a registration", None)),
        Err(error) => Err(malformed(
            format!("this does not answer a registration: {error}"),
            None,
        )),
    }
}

/// Reads the answer to a result that was accepted. 1.0b2 says `ok` whatever it did
/// with it; newer orchestrators say when they had no use for it.
pub(in super::super) fn read_receipt(body: &[u8]) -> Receipt {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow)]
        reason: Option<&'a RawValue>,
    }
    match serde_json::from_slice::<Wire<'_>>(body) {
        Ok(wire) if wire.status == "ignored" => {
            Receipt::Ignored(lenient(wire.reason).unwrap_or_else(|| "no reason given".to_owned()))
        }
        _ => Receipt::Accepted,
    }
}

/// Whether the text of a 500 says that the request will never be accepted
/// (avtomatika 1.0b12 knows no 4xx for these).
pub(in super::super) fn is_permanent_refusal(text: &str) -> bool {
    const TEXTS: [&str; 5] = [
        "job not found",
        "forbidden",
        "are required",
        "missing required field",
        "invalid worker_id",
    ];
    let text = text.to_ascii_lowercase();
    TEXTS.iter().any(|known| text.contains(known))
}

/// Whether the text of a refusal says that the job is over and forgotten.
pub(in super::super) fn is_job_gone(text: &str) -> bool {
    text.to_ascii_lowercase().contains("job not found")
}

/// The value, or nothing when it is missing, `null` or of another type.
fn lenient<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn texts(raw: Option<&RawValue>) -> BTreeMap<String, String> {
    let all: BTreeMap<String, Box<RawValue>> = lenient(raw).unwrap_or_default();
    all.into_iter()
        .filter_map(|(name, value)| Some((name, lenient(Some(&value))?)))
        .collect()
}

/// Structs can be read from arrays as well; here only objects are meant.
fn object_or_null<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<Option<T>, String> {
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err("an array".to_owned());
    }
    // Once for the whole text is quicker than for each of its parts.
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn malformed(reason: impl Into<String>, task: Option<(TaskId, JobId)>) -> TransportError {
    TransportError::Malformed {
        reason: reason.into(),
        task,
    }
}
