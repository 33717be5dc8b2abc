//! Times in JSON: seconds, with fractions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serializer;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
pub(super) fn one<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[allow(clippy::ref_option, reason = "as serde wants it")]
pub(super) fn maybe<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_some(&time.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}

/// Since 1970.
pub(super) fn at<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_f64(since.as_secs_f64())
}
