//! How many polls to keep open: one while idle, more while tasks flow.

/// Grows with every poll that brings a task, falls back when one brings nothing.
#[derive(Debug, Clone)]
pub(crate) struct PollScale {
    target: usize,
    least: usize,
    most: usize,
}

impl PollScale {
    /// Between `least` and `most` polls, both at least 1.
    pub(crate) fn new(least: usize, most: usize) -> Self {
        let most = most.max(1);
        let least = least.clamp(1, most);
        Self {
            target: least,
            least,
            most,
        }
    }

    /// How many polls should be open now.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// A poll brought a task: there may be more where it came from.
    pub(crate) fn found(&mut self) {
        self.target = (self.target + 1).min(self.most);
    }

    /// A poll brought nothing: the queue is empty.
    pub(crate) fn found_nothing(&mut self) {
        self.target = (self.target / 2).max(self.least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_open_more_polls_and_silence_closes_them() {
        let mut scale = PollScale::new(1, 4);
        for expected in [2, 3, 4, 4] {
            scale.found();
            assert_eq!(scale.target(), expected);
        }
        for expected in [2, 1, 1] {
            scale.found_nothing();
            assert_eq!(scale.target(), expected);
        }
    }

    #[test]
    fn every_orchestrator_keeps_its_own_poll() {
        let mut scale = PollScale::new(3, 8);
        scale.found_nothing();
        assert_eq!(scale.target(), 3);
    }
}
