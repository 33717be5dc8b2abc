//! One line of a program's output: news of its task, or something else.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::answer::{Answer, Parts};
use super::keys::{OtherKeys, Shape, shape};
use super::nan::WithoutNan;
use crate::task::Reply;

/// How deep a line may be nested, as `serde_json` has it.
const DEEPEST: usize = 128;

/// What a program says of its task.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    Progress {
        /// From 0 to 1; outside of that what the program says makes no sense.
        value: f64,
        text: String,
    },
    Event {
        name: String,
        data: Payload,
        priority: f64,
    },
    /// The end: a result or an error.
    Answer(Answer),
}

/// JSON as it came; compares by its text.
pub(crate) struct Payload(pub(crate) Box<RawValue>);

/// Shows the length, not the content.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.get().len())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// What a line is.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Message(Message),
    /// Not for us: it goes to the log.
    Noise,
    /// A JSON object without any key of a message. It goes to the log as well, and may be
    /// a message whose keys are misspelt.
    Object(OtherKeys),
    /// Meant for us, but not right; says why.
    Fault(String),
}

/// All that a message may hold; other keys were refused before.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    task_id: Option<Cow<'a, str>>,
    progress: Option<f64>,
    message: Option<String>,
    event: Option<String>,
    #[serde(borrow, default, deserialize_with = "given")]
    data: Option<&'a RawValue>,
    priority: Option<f64>,
    #[serde(borrow, default, deserialize_with = "given")]
    result: Option<&'a RawValue>,
    status: Option<String>,
    #[serde(borrow, default, deserialize_with = "given")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    costs: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A `null` that is there, too.
fn given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(reader).map(Some)
}

/// Reads a line of a program that does this task.
pub(crate) fn read(line: &[u8], task_id: &str) -> Read {
    match shape(line) {
        Shape::Text => Read::Noise,
        Shape::Object(keys) => Read::Object(keys),
        Shape::Message(others) => match understand(line, &others, task_id) {
            Ok(message) => Read::Message(message),
            Err(why) => Read::Fault(why),
        },
    }
}

/// Whether a line is meant as a message.
pub(crate) fn is_meant(line: &[u8]) -> bool {
    matches!(shape(line), Shape::Message(_))
}

fn understand(line: &[u8], others: &OtherKeys, task_id: &str) -> Result<Message, String> {
    if is_deeper_than(DEEPEST, line) {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    if !others.is_empty() {
        return Err(format!(
            "it has keys of a message and others: {others} (data of your own belongs into \
             \"result\", and JSON for a log on stderr)"
        ));
    }
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(|error| not_json(line, &error))?;
    if let Some(other) = &wire.task_id
        && other != task_id
    {
        return Err("its task_id is that of another task".to_owned());
    }
    let kind = Kind::of(&wire)?;
    check_company(&wire, kind)?;
    match kind {
        Kind::Progress(value) => Ok(Message::Progress {
            value: fraction(value),
            text: wire.message.unwrap_or_default(),
        }),
        Kind::Event => {
            let data = match wire.data {
                Some(data) => data.to_owned(),
                None => RawValue::from_string("{}".to_owned()).map_err(|e| e.to_string())?,
            };
            Ok(Message::Event {
                name: wire.event.unwrap_or_default(),
                data: Payload(data),
                priority: wire.priority.unwrap_or(0.0),
            })
        }
        Kind::Answer => {
            let parts = Parts {
                status: wire.status.as_deref(),
                data: wire.result.or(wire.data),
                metadata: wire.metadata,
                costs: wire.costs,
                error: wire.error,
            };
            parts.answer().map(Message::Answer)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Progress(f64),
    Event,
    Answer,
}

impl Kind {
    fn of(wire: &Wire<'_>) -> Result<Self, String> {
        let kinds = [
            wire.progress.map(Self::Progress),
            wire.event.as_ref().map(|_| Self::Event),
            wire.result.map(|_| Self::Answer),
            wire.error.map(|_| Self::Answer),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(kind),
            // As handlers of the SDK answer.
            (None, _) if wire.status.is_some() || wire.data.is_some() => Ok(Self::Answer),
            _ => Err(
                "it must have one of progress, event, result and error, or status and data"
                    .to_owned(),
            ),
        }
    }
}

/// Why a text is no JSON, or not the JSON that it has to be.
fn not_json(text: &[u8], error: &serde_json::Error) -> String {
    WithoutNan::of(text).map_or_else(|| error.to_string(), |without| without.fault())
}

/// Progress as a part of 1. What is above 1 counts in percent, as the Python SDK does; a
/// sum of floats that should be 1 may be a little above it.
fn fraction(progress: f64) -> f64 {
    const ROUNDING: f64 = 1e-6;

    let part = if progress > 1.0 + ROUNDING {
        progress / 100.0
    } else {
        progress
    };
    if part > 1.0 && part <= 1.0 + ROUNDING {
        1.0
    } else {
        part
    }
}

/// Refuses keys that mean nothing beside the one that says what the message is.
fn check_company(wire: &Wire<'_>, kind: Kind) -> Result<(), String> {
    let is_event = kind == Kind::Event;
    let is_answer = kind == Kind::Answer;
    let company = [
        (
            "message",
            wire.message.is_some(),
            matches!(kind, Kind::Progress(_)),
            "progress",
        ),
        ("priority", wire.priority.is_some(), is_event, "event"),
        ("status", wire.status.is_some(), is_answer, "result"),
        ("metadata", wire.metadata.is_some(), is_answer, "result"),
        ("costs", wire.costs.is_some(), is_answer, "result"),
        (
            "data",
            wire.data.is_some(),
            is_event || (is_answer && wire.result.is_none()),
            "event, or stands in place of result",
        ),
    ];
    for (key, is_there, is_right, owner) in company {
        if is_there && !is_right {
            return Err(format!("{key} belongs to {owner}"));
        }
    }
    Ok(())
}

/// Whether brackets are nested deeper than this. A parser that skips over values does
/// not mind, but whoever reads the result later may.
pub(crate) fn is_deeper_than(most: usize, text: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What a program that printed no message has printed: one JSON document, or nothing of
/// use. A message in several lines is one, too.
pub(crate) fn document(output: &[u8], task_id: &str) -> Option<Result<Answer, String>> {
    let output = output.trim_ascii();
    if let Shape::Message(others) = shape(output) {
        return match understand(output, &others, task_id) {
            Ok(Message::Answer(answer)) => Some(Ok(answer)),
            Ok(_) => None,
            Err(why) => Some(Err(why)),
        };
    }
    if is_deeper_than(DEEPEST, output) {
        return None;
    }
    match serde_json::from_slice::<&RawValue>(output) {
        Ok(value) => Some(Ok(Reply::success(&value))),
        // A text of which JSON was to be made, unlike the bare word.
        Err(_) if output.starts_with(b"{") || output.starts_with(b"[") => {
            WithoutNan::of(output).map(|without| Err(without.fault()))
        }
        Err(_) => None,
    }
}

/// The line of an output that is no document on which a JSON object begins, as a message
/// does that is spread over lines and has other text before or behind it.
pub(crate) fn object_within(output: &[u8]) -> Option<u64> {
    let mut start = 0;
    for (line, number) in output.split(|b| *b == b'\n').zip(1..) {
        if line.trim_ascii_start().starts_with(b"{") {
            let rest = serde_json::Deserializer::from_slice(&output[start..]);
            let first = rest.into_iter::<serde::de::IgnoredAny>().next();
            // Only the first one is looked at, as each takes as long as the output is.
            return matches!(first, Some(Ok(_))).then_some(number);
        }
        start += line.len() + 1;
    }
    None
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
