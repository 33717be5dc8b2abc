//! Waiting for what nobody tells of.

use std::time::{Duration, Instant};

/// Longer than a busy machine takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until it holds, and panics when it does not in a minute. That time
/// is the machine's, so there is an end on a paused clock as well.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
