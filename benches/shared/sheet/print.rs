//! Tables for people.

use super::{Metric, Sheet};
use crate::shared::stats::{median, spread};

impl Sheet {
    /// All tables and notes.
    pub(crate) fn print(&self) {
        println!("\n## {}", self.title);
        for case in self.cases() {
            self.print_case(case);
        }
        for note in &self.notes {
            println!("  note: {note}");
        }
    }

    /// What failed, for the end of a run.
    pub(crate) fn print_troubles(&self) {
        for trouble in &self.troubles {
            println!("FAILED: {}: {trouble}", self.name);
        }
    }

    fn print_case(&self, case: &str) {
        let mut metrics: Vec<Metric> = Vec::new();
        for series in self.series.iter().filter(|series| series.case == case) {
            if !metrics.contains(&series.metric) {
                metrics.push(series.metric);
            }
        }
        let mut rows = vec![vec![case.to_owned()]];
        rows[0].extend(metrics.iter().map(|metric| match metric.unit {
            "" => metric.name.to_owned(),
            unit => format!("{} ({unit})", metric.name),
        }));
        for side in self.sides(case) {
            let mut row = vec![side.to_owned()];
            row.extend(
                metrics
                    .iter()
                    .map(|metric| cell(self.values(case, side, *metric))),
            );
            rows.push(row);
        }
        print_rows(&rows);
    }

    /// The goals and what became of them.
    pub(crate) fn print_goals(&self) {
        if self.goals.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = self
            .goals
            .iter()
            .map(|goal| {
                let found = goal.found.map(|(median, least, most)| {
                    let unit = goal.unit;
                    let spread = format!("{} to {}", figure(least), figure(most));
                    format!("{} {unit} ({spread})", figure(median))
                });
                vec![
                    goal.what.clone(),
                    format!("goal {}", goal.bound.text()),
                    found.unwrap_or_else(|| "-".to_owned()),
                    goal.word().to_owned(),
                ]
            })
            .collect();
        print_rows(&rows);
    }
}

/// The median, and the spread where there is one.
fn cell(values: &[f64]) -> String {
    let middle = figure(median(values.iter().copied()));
    match values {
        [] => "-".to_owned(),
        [_] => middle,
        _ => {
            let (least, most) = spread(values);
            format!("{middle} ({} to {})", figure(least), figure(most))
        }
    }
}

/// Three digits that matter.
fn figure(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        _ if size == 0.0 || size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

/// Columns as wide as they need to be.
fn print_rows(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    println!();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("  {}", line.join("  ").trim_end());
    }
}
