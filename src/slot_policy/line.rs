//! A line with two sides, and some distance between stopping and going on again.

/// Whether a value has passed its line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    stop: u64,
    resume: u64,
    /// Which side is the bad one.
    above: bool,
    stopped: bool,
}

impl Line {
    /// Stops above `stop`, goes on at `resume` or less.
    pub(crate) fn above(stop: u64, resume: u64) -> Self {
        Self {
            stop,
            resume: resume.min(stop),
            above: true,
            stopped: false,
        }
    }

    /// Stops below `stop`, goes on at `resume` or more.
    pub(crate) fn below(stop: u64, resume: u64) -> Self {
        Self {
            stop,
            resume: resume.max(stop),
            above: false,
            stopped: false,
        }
    }

    /// Another point to go on at, not beyond the line.
    pub(crate) fn resume_at(self, resume: u64) -> Self {
        let (stop, stopped) = (self.stop, self.stopped);
        let line = if self.above {
            Self::above(stop, resume)
        } else {
            Self::below(stop, resume)
        };
        Self { stopped, ..line }
    }

    /// A new value.
    pub(crate) fn is_at(&mut self, value: u64) {
        let (past, back) = if self.above {
            (value > self.stop, value <= self.resume)
        } else {
            (value < self.stop, value >= self.resume)
        };
        self.stopped = past || (self.stopped && !back);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mut line: Line, values: &[u64]) -> Vec<bool> {
        let step = |value: &u64| {
            line.is_at(*value);
            line.is_stopped()
        };
        values.iter().map(step).collect()
    }

    #[test]
    fn between_the_two_points_nothing_changes() {
        let up = walk(Line::above(100, 80), &[100, 101, 90, 81, 80, 90, 101]);
        assert_eq!(up, [false, true, true, true, false, false, true]);
        let down = walk(Line::below(100, 120), &[100, 99, 110, 119, 120, 110, 99]);
        assert_eq!(down, [false, true, true, true, false, false, true]);
    }

    #[test]
    fn a_point_on_the_wrong_side_is_the_line_itself() {
        let line = Line::above(100, 80).resume_at(500);
        assert_eq!(walk(line, &[101, 100]), [true, false]);
        let line = Line::below(100, 120).resume_at(0);
        assert_eq!(walk(line, &[99, 100]), [true, false]);
    }
}
