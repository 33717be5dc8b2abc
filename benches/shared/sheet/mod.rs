//! What a scenario has found: values by case, side and metric, one for each round; the
//! goals beside them; and what went wrong. Printed as tables (`print.rs`), written as
//! JSON (`json.rs`).

mod goal;
pub(crate) mod json;
mod print;

pub(crate) use goal::Bound;
use goal::Verdict;

use super::stats::median;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

impl Metric {
    pub(crate) const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }
}

struct Series {
    case: String,
    side: String,
    metric: Metric,
    /// One for each round.
    values: Vec<f64>,
}

/// The findings of one scenario.
pub(crate) struct Sheet {
    /// Names the file as well.
    pub(crate) name: &'static str,
    title: String,
    series: Vec<Series>,
    goals: Vec<Verdict>,
    /// Sides that failed, and why.
    troubles: Vec<String>,
    notes: Vec<String>,
}

impl Sheet {
    pub(crate) fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self {
            name,
            title: title.into(),
            series: Vec::new(),
            goals: Vec::new(),
            troubles: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds the value of one more round.
    pub(crate) fn add(&mut self, case: &str, side: &str, metric: Metric, value: f64) {
        let is_it = |s: &&mut Series| s.case == case && s.side == side && s.metric == metric;
        if let Some(series) = self.series.iter_mut().find(is_it) {
            series.values.push(value);
            return;
        }
        self.series.push(Series {
            case: case.to_owned(),
            side: side.to_owned(),
            metric,
            values: vec![value],
        });
    }

    /// Something failed. It is told at the end, and so is the exit code.
    pub(crate) fn trouble(&mut self, what: String) {
        println!("  FAILED: {what}");
        self.troubles.push(what);
    }

    pub(crate) fn has_trouble(&self) -> bool {
        !self.troubles.is_empty()
    }

    /// How to read the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The values of all rounds.
    pub(crate) fn values(&self, case: &str, side: &str, metric: Metric) -> &[f64] {
        let mut series = self.series.iter();
        let found = series.find(|s| s.case == case && s.side == side && s.metric == metric);
        found.map_or(&[], |series| &series.values)
    }

    /// The median of all rounds, if there was any.
    pub(crate) fn median(&self, case: &str, side: &str, metric: Metric) -> Option<f64> {
        let values = self.values(case, side, metric);
        (!values.is_empty()).then(|| median(values.iter().copied()))
    }

    /// The cases, in the order in which they came.
    pub(crate) fn cases(&self) -> Vec<&str> {
        in_order(self.series.iter().map(|series| series.case.as_str()))
    }

    /// Who took part in a case.
    pub(crate) fn sides(&self, case: &str) -> Vec<&str> {
        let of_case = self.series.iter().filter(|series| series.case == case);
        in_order(of_case.map(|series| series.side.as_str()))
    }
}

fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
