//! How many tasks run at once, now and at most: per worker and per task name,
//! from the hand-out to the result.

use std::collections::HashMap;

/// A count and the highest value it has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// At this moment.
    pub now: usize,
    /// The most at any moment so far.
    pub peak: usize,
}

impl Running {
    fn up(&mut self) {
        self.now += 1;
        self.peak = self.peak.max(self.now);
    }

    fn down(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Peaks {
    workers: HashMap<String, Running>,
    names: HashMap<String, Running>,
}

impl Peaks {
    pub(crate) fn handed_out(&mut self, worker: &str, name: &str) {
        entry(&mut self.workers, worker).up();
        entry(&mut self.names, name).up();
    }

    pub(crate) fn answered(&mut self, worker: &str, name: &str) {
        entry(&mut self.workers, worker).down();
        entry(&mut self.names, name).down();
    }

    /// Nothing runs as far as anybody knows; peaks stay.
    pub(crate) fn forget(&mut self) {
        for running in self.workers.values_mut().chain(self.names.values_mut()) {
            running.now = 0;
        }
    }

    pub(crate) fn of_worker(&self, worker: &str) -> Running {
        self.workers.get(worker).copied().unwrap_or_default()
    }

    pub(crate) fn of_name(&self, name: &str) -> Running {
        self.names.get(name).copied().unwrap_or_default()
    }
}

fn entry<'a>(map: &'a mut HashMap<String, Running>, key: &str) -> &'a mut Running {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), Running::default());
    }
    map.get_mut(key)
        .expect("inserted just above when it was absent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_the_count_falls() {
        let mut peaks = Peaks::default();
        peaks.handed_out("w", "a");
        peaks.handed_out("w", "b");
        peaks.answered("w", "a");
        peaks.handed_out("v", "a");
        assert_eq!(peaks.of_worker("w"), Running { now: 1, peak: 2 });
        assert_eq!(peaks.of_name("a"), Running { now: 1, peak: 1 });
        assert_eq!(peaks.of_worker("nobody"), Running::default());
        peaks.forget();
        assert_eq!(peaks.of_worker("w"), Running { now: 0, peak: 2 });
    }
}
