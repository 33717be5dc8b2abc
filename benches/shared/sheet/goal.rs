//! Goals, and whether they are reached.

use super::{Metric, Sheet};
use crate::shared::stats::{median, spread};

/// What is wanted of a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
        }
    }
}

/// A goal beside what was found.
pub(super) struct Verdict {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) bound: Bound,
    /// Median, least and most of the rounds; none when a side is missing.
    pub(super) found: Option<(f64, f64, f64)>,
}

impl Verdict {
    pub(super) fn word(&self) -> &'static str {
        match self.found {
            None => "not measured",
            Some((median, ..)) if self.bound.holds(median) => "reached",
            Some(_) => "MISSED",
        }
    }
}

impl Sheet {
    /// A goal for one side.
    pub(crate) fn goal(&mut self, case: &str, metric: Metric, side: &str, bound: Bound) {
        let values = self.values(case, side, metric).to_vec();
        let what = format!("{case}, {side}: {}", metric.name);
        self.judge(what, metric.unit, bound, &values);
    }

    /// A goal for one side, as a ratio to another one, round by round.
    pub(crate) fn goal_ratio(
        &mut self,
        case: &str,
        metric: Metric,
        (side, to): (&str, &str),
        bound: Bound,
    ) {
        let values = self.values(case, side, metric).iter();
        let pairs = values.zip(self.values(case, to, metric));
        let ratios: Vec<f64> = pairs.map(|(value, to)| value / to).collect();
        let what = format!("{case}, {side} / {to}: {}", metric.name);
        self.judge(what, "x", bound, &ratios);
    }

    fn judge(&mut self, what: String, unit: &'static str, bound: Bound, values: &[f64]) {
        let found = (!values.is_empty()).then(|| {
            let (least, most) = spread(values);
            (median(values.iter().copied()), least, most)
        });
        self.goals.push(Verdict {
            what,
            unit,
            bound,
            found,
        });
    }
}
