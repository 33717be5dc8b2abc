//! From a raw value, of a variable or of the file, to a checked one in its place.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value as Json;

use super::draft::{Draft, Reader, Slot};
use super::kind::{Kind, MAX_NUMBER};
use super::problem::{Notes, Place};
use super::secret::{SHORTEST_HIDDEN, Token};
use super::settings::OrchestratorMode;
use super::url;
use super::variables::Variable;
use crate::id::WorkerId;

/// What is said in place of a value that must not be shown.
pub(super) const HIDDEN: &str = "something else (not shown)";

/// Checks one value and puts it into the draft, or notes what is wrong with it.
///
/// Variables always arrive as text; the file may give numbers, booleans and tables.
pub(super) fn put(
    variable: &Variable,
    place: &Place,
    raw: &Json,
    draft: &mut Draft,
    notes: &mut Notes,
) {
    let kind = variable.kind;
    let taken = match variable.slot {
        Slot::Text(set) => text(kind, raw).map(|v| set(draft, v)),
        Slot::Secret(set) => text(kind, raw).map(|v| set(draft, token(kind, place, v))),
        Slot::Id(set) => word(raw)
            .and_then(|v| WorkerId::try_new(v).ok())
            .map(|v| set(draft, v)),
        Slot::Flag(set) => flag(raw).map(|v| set(draft, v)),
        Slot::U16(set) => in_range(kind, raw)
            .and_then(|n| n.try_into().ok())
            .map(|v| set(draft, v)),
        Slot::U32(set) => in_range(kind, raw).map(|v| set(draft, v)),
        Slot::Size(set) => in_range(kind, raw)
            .and_then(|n| n.try_into().ok())
            .map(|v| set(draft, v)),
        Slot::Bytes(set) => bytes(raw).map(|v| set(draft, v)),
        Slot::Attempts(set) => attempts(raw).map(|v| set(draft, v)),
        Slot::Number(set) => bounded(kind, raw).map(|v| set(draft, v)),
        Slot::Seconds(set) => bounded(kind, raw)
            .and_then(|n| Duration::try_from_secs_f64(n).ok())
            .filter(|v| !v.is_zero() || kind == Kind::Seconds { above_zero: false })
            .map(|v| set(draft, v)),
        Slot::Mode(set) => mode(raw).map(|v| set(draft, v)),
        Slot::Choice(set) => choice(kind, raw).map(|v| set(draft, v)),
        Slot::Json(read) => return put_json(read, kind, place, raw, draft, notes),
        Slot::File(()) => Some(()),
    };
    if taken.is_none() {
        notes.problem(place.wrong(kind, shown_as(kind, raw)));
    } else if kind.is_secret()
        && let Some(text) = word(raw)
    {
        warn_if_short(place, text, notes);
    }
}

/// A text that is hidden wherever it appears must not be one that appears everywhere.
pub(super) fn warn_if_short(place: &Place, secret: &str, notes: &mut Notes) {
    if (1..SHORTEST_HIDDEN).contains(&secret.len()) {
        notes.warn(format!(
            "{place} has fewer than {SHORTEST_HIDDEN} letters: it is guessed easily, and is \
             not hidden where others repeat it in texts of errors"
        ));
    }
}

/// Structure comes as such from the file, and as text from a variable.
fn put_json(
    read: Reader,
    kind: Kind,
    place: &Place,
    raw: &Json,
    draft: &mut Draft,
    notes: &mut Notes,
) {
    let Json::String(text) = raw else {
        return read(draft, place, raw, notes);
    };
    match serde_json::from_str(text) {
        Ok(json) => read(draft, place, &json, notes),
        Err(e) => notes.problem(place.wrong(kind, not_json(&e))),
    }
}

/// Only the position: the text may hold tokens.
pub(super) fn not_json(e: &serde_json::Error) -> String {
    format!(
        "text that is not JSON (line {}, column {})",
        e.line(),
        e.column()
    )
}

fn word(raw: &Json) -> Option<&str> {
    raw.as_str().map(str::trim)
}

fn text(kind: Kind, raw: &Json) -> Option<String> {
    let text = word(raw)?;
    match kind {
        Kind::Secret => secret(text),
        Kind::Address => address(text),
        Kind::OrchestratorUrl => url::base_url(text, true),
        Kind::ControllerUrl => url::controller_url(text),
        Kind::Url => url::base_url(text, false),
        Kind::LogFilter => super::log_filter::checked(text),
        _ => Some(text.to_owned()),
    }
}

/// A token, if it can travel in a header. White space around it would be lost there,
/// so it is dropped here: a token from a file often ends with a line break.
pub(super) fn secret(text: &str) -> Option<String> {
    let text = text.trim();
    text.bytes()
        .all(|b| (b' '..=b'~').contains(&b))
        .then(|| text.to_owned())
}

/// A secret that follows its file, if it came from one.
fn token(kind: Kind, place: &Place, text: String) -> Token {
    let is_allowed = match kind {
        Kind::Secret => |text: &str| secret(text).is_some(),
        _ => |_: &str| true,
    };
    match place.value_file() {
        Some(path) => Token::in_file(text, path.to_owned(), is_allowed),
        None => Token::from(text),
    }
}

fn address(text: &str) -> Option<String> {
    let text = match text {
        "localhost" => "127.0.0.1",
        bracketed => bracketed.trim_start_matches('[').trim_end_matches(']'),
    };
    text.parse::<IpAddr>().ok().map(|it| it.to_string())
}

fn flag(raw: &Json) -> Option<bool> {
    match raw {
        Json::Bool(value) => Some(*value),
        Json::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

fn mode(raw: &Json) -> Option<OrchestratorMode> {
    match word(raw)?.to_ascii_uppercase().as_str() {
        "FAILOVER" => Some(OrchestratorMode::Failover),
        "ROUND_ROBIN" => Some(OrchestratorMode::RoundRobin),
        "WATERFALL" => Some(OrchestratorMode::Waterfall),
        _ => None,
    }
}

fn choice(kind: Kind, raw: &Json) -> Option<usize> {
    let (Kind::OneOf(words), word) = (kind, word(raw)?) else {
        return None;
    };
    words
        .iter()
        .position(|known| known.eq_ignore_ascii_case(word))
}

/// A whole number, also written as `1.0` where it is not text.
pub(super) fn whole(raw: &Json) -> Option<i64> {
    match raw {
        Json::Number(n) => n.as_i64().or_else(|| {
            let n = n.as_f64()?;
            // Beyond 2^53 a float is no longer exact.
            (n.fract() == 0.0 && n.abs() < 9e15).then(|| format!("{n:.0}").parse().ok())?
        }),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A finite number.
pub(super) fn number(raw: &Json) -> Option<f64> {
    let n = match raw {
        Json::Number(n) => n.as_f64()?,
        Json::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    n.is_finite().then_some(n)
}

fn in_range(kind: Kind, raw: &Json) -> Option<u32> {
    let Kind::Whole { min, max } = kind else {
        return None;
    };
    u32::try_from(whole(raw)?)
        .ok()
        .filter(|n| (min..=max).contains(n))
}

/// The outer `None` is a problem, the inner one no limit.
#[expect(clippy::option_option, reason = "both are needed, and only here")]
fn attempts(raw: &Json) -> Option<Option<u32>> {
    match whole(raw)? {
        -1 => Some(None),
        count => u32::try_from(count).ok().map(Some),
    }
}

fn bounded(kind: Kind, raw: &Json) -> Option<f64> {
    let min = match kind {
        Kind::Number { min } => f64::from(min),
        _ => 0.0,
    };
    number(raw).filter(|n| (min..=MAX_NUMBER).contains(n))
}

/// A value as it may be shown in a problem.
pub(super) fn shown(raw: &Json) -> String {
    match raw {
        Json::String(text) => quoted(text),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    }
}

fn shown_as(kind: Kind, raw: &Json) -> String {
    match (kind, raw) {
        (kind, _) if kind.is_secret() => HIDDEN.to_owned(),
        (Kind::Url | Kind::OrchestratorUrl | Kind::ControllerUrl, Json::String(text)) => {
            url::shown(text)
        }
        _ => shown(raw),
    }
}

/// Text in quotes and on one line, cut where it gets long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}... ({} bytes)", &text[..end], text.len()),
    }
}

/// A number of bytes, also as text with a unit.
pub(super) fn bytes(raw: &Json) -> Option<u64> {
    let Json::String(text) = raw else {
        return u64::try_from(whole(raw)?).ok();
    };
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_may_have_a_unit() {
        for (raw, expected) in [
            (json!(100), Some(100)),
            (json!("100"), Some(100)),
            (json!("512 MiB"), Some(512 << 20)),
            (json!("2gib"), Some(2 << 30)),
            (json!("2 GB"), None),
            (json!(-1), None),
            (json!("MiB"), None),
            (json!("99999999 TiB"), None),
        ] {
            assert_eq!(bytes(&raw), expected, "{raw}");
        }
    }
}
