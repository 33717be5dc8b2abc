//! Whether the journal answers. Its disk may hang, and then tasks must not wait for it.

use std::time::Duration;

use tokio::time::Instant;

/// If the journal has not answered for this long, tasks begin without it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Counts what the journal has to answer.
#[derive(Debug, Default)]
pub(super) struct JournalWatch {
    /// Records that were sent and not answered yet.
    unanswered: usize,
    /// Since when nothing was heard although there are some.
    silent_since: Option<Instant>,
}

/// What is to be done about a journal that has something to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nothing: it has answered everything.
    NotNeeded,
    /// Look again after this time.
    For(Duration),
    /// Go on without it.
    Over,
}

impl JournalWatch {
    /// A record was sent that will be answered.
    pub(super) fn sent(&mut self, now: Instant) {
        self.unanswered += 1;
        self.silent_since.get_or_insert(now);
    }

    /// So many records were answered.
    pub(super) fn answered(&mut self, records: usize, now: Instant) {
        self.unanswered = self.unanswered.saturating_sub(records);
        self.silent_since = (self.unanswered > 0).then_some(now);
    }

    pub(super) fn patience(&self, now: Instant) -> Patience {
        let Some(since) = self.silent_since else {
            return Patience::NotNeeded;
        };
        match PATIENCE.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Patience::For(left),
            _ => Patience::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_counted_from_the_last_answer() {
        let (mut watch, start) = (JournalWatch::default(), Instant::now());
        assert_eq!(watch.patience(start), Patience::NotNeeded);
        watch.sent(start);
        watch.sent(start + SECOND);
        assert_eq!(
            watch.patience(start + SECOND),
            Patience::For(Duration::from_secs(4))
        );
        watch.answered(1, start + 2 * SECOND);
        assert_eq!(watch.patience(start + 2 * SECOND), Patience::For(PATIENCE));
        assert_eq!(
            watch.patience(start + 2 * SECOND + PATIENCE),
            Patience::Over
        );
        watch.answered(1, start + 9 * SECOND);
        assert_eq!(watch.patience(start + 60 * SECOND), Patience::NotNeeded);
    }
}
