//! How long the upload of a result may stand still before it is begun anew.

use std::collections::HashMap;
use std::time::Duration;

use crate::id::TaskId;

/// What stands between us and the orchestrator may have taken all of a body and pass it on
/// at this pace, in bytes per second.
const SLOWEST: u32 = 64 * 1024;

/// The limit grows no further.
const LONGEST: Duration = Duration::from_mins(10);

/// More results than are late at a time. Beyond that, counting begins anew.
const MOST: usize = 1000;

/// Counts the attempts that were given up, so that the next one may take longer: a limit
/// that was too short once is so each time, and each time the orchestrator may have taken
/// the result.
#[derive(Debug, Default)]
pub(super) struct Patience {
    late: HashMap<TaskId, u32>,
}

impl Patience {
    /// How long a result of `size` bytes may stand still, where small requests have
    /// `within`.
    pub(super) fn of(&self, task: &TaskId, size: usize, within: Duration) -> Duration {
        let late = self.late.get(task).copied().unwrap_or(0);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let first = within + Duration::from_secs(1) * size / SLOWEST;
        let grown = first.saturating_mul(2_u32.saturating_pow(late));
        grown.min(LONGEST.max(within))
    }

    /// An attempt was given up.
    pub(super) fn was_late(&mut self, task: &TaskId) {
        if self.late.len() >= MOST {
            self.late.clear();
        }
        *self.late.entry(task.clone()).or_default() += 1;
    }

    /// A result was answered.
    pub(super) fn forget(&mut self, task: &TaskId) {
        self.late.remove(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    #[test]
    fn the_limit_grows_with_the_size_and_with_each_late_attempt() {
        let (mut patience, task) = (Patience::default(), TaskId::from("t"));
        assert_eq!(patience.of(&task, 0, WITHIN), WITHIN);
        assert_eq!(patience.of(&task, 640 * 1024, WITHIN), WITHIN * 3);
        patience.was_late(&task);
        assert_eq!(patience.of(&task, 0, WITHIN), WITHIN * 2);
        patience.was_late(&task);
        assert_eq!(patience.of(&task, 0, WITHIN), WITHIN * 4);
        assert_eq!(patience.of(&"other".into(), 0, WITHIN), WITHIN);
        patience.forget(&task);
        assert_eq!(patience.of(&task, 0, WITHIN), WITHIN);
    }

    #[test]
    fn the_limit_ends_somewhere() {
        let (mut patience, task) = (Patience::default(), TaskId::from("t"));
        for _ in 0..100 {
            patience.was_late(&task);
        }
        assert_eq!(patience.of(&task, usize::MAX, WITHIN), LONGEST);
    }
}
