//! Reads the text of `/metrics` back into families. It is our own text, so what does not
//! fit is left out rather than told.

/// Names and values, in the order of the text.
pub(super) type Labels = Vec<(String, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    /// And all else that is one number.
    Gauge,
    Histogram,
}

#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) unit: String,
    pub(super) kind: Kind,
    pub(super) points: Vec<Point>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Point {
    pub(super) labels: Labels,
    /// The number; of a histogram, the sum.
    pub(super) value: f64,
    /// Upper bounds, and how many there are above the bound before.
    pub(super) buckets: Vec<(f64, u64)>,
}

/// All families that have something to say.
pub(super) fn families(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            describe(comment, &mut families);
        } else if let (Some(family), Some(sample)) = (families.last_mut(), sample(line)) {
            add(family, sample);
        }
    }
    families.retain(|family| !family.points.is_empty());
    families
}

fn describe(comment: &str, families: &mut Vec<Family>) {
    let mut words = comment.splitn(3, ' ');
    let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    if families.last().is_none_or(|family| family.name != name) {
        families.push(Family {
            name: name.to_owned(),
            help: String::new(),
            unit: String::new(),
            kind: Kind::Gauge,
            points: Vec::new(),
        });
    }
    let Some(family) = families.last_mut() else {
        return;
    };
    match (what, rest) {
        ("HELP", help) => help.trim_end_matches('.').clone_into(&mut family.help),
        ("UNIT", unit) => unit.clone_into(&mut family.unit),
        ("TYPE", "counter") => family.kind = Kind::Counter,
        ("TYPE", "histogram") => family.kind = Kind::Histogram,
        _ => {}
    }
}

struct Sample<'a> {
    name: &'a str,
    labels: Labels,
    value: f64,
}

fn add(family: &mut Family, mut sample: Sample<'_>) {
    let Some(suffix) = sample.name.strip_prefix(family.name.as_str()) else {
        return;
    };
    if family.kind != Kind::Histogram {
        family.points.push(Point {
            labels: sample.labels,
            value: sample.value,
            buckets: Vec::new(),
        });
        return;
    }
    let bound = sample.labels.iter().position(|(name, _)| name == "le");
    let bound = bound.map(|at| sample.labels.remove(at).1);
    let is_same = |point: &Point| point.labels == sample.labels;
    let at = family.points.iter().position(is_same).unwrap_or_else(|| {
        family.points.push(Point {
            labels: sample.labels.clone(),
            value: 0.0,
            buckets: Vec::new(),
        });
        family.points.len() - 1
    });
    let point = &mut family.points[at];
    match (suffix, bound.and_then(|it| it.parse().ok())) {
        ("_sum", _) => point.value = sample.value,
        ("_bucket", Some(bound)) => {
            // In the text each bucket counts those before it as well.
            let below: u64 = point.buckets.iter().map(|(_, count)| count).sum();
            point
                .buckets
                .push((bound, whole(sample.value).saturating_sub(below)));
        }
        _ => {}
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

/// `name{label="value"} number`
fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Labels::new(), rest),
    };
    // What may follow is a time, or an example.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// The labels, and what follows the bracket.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        text = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back_as_it_was_meant() {
        let text = "# HELP axon_tasks Tasks.\n# TYPE axon_tasks counter\n\
            axon_tasks_total{task=\"a\\\"},{=\\n\\\\\",outcome=\"failed\"} 3\n\
            # HELP axon_nothing Nothing.\n# TYPE axon_nothing counter\n\
            # HELP axon_run_seconds Time.\n# TYPE axon_run_seconds histogram\n\
            # UNIT axon_run_seconds seconds\n\
            axon_run_seconds_sum{task=\"a\"} 1.5\naxon_run_seconds_count{task=\"a\"} 3\n\
            axon_run_seconds_bucket{le=\"0.1\",task=\"a\"} 1\n\
            axon_run_seconds_bucket{le=\"+Inf\",task=\"a\"} 3\n\
            # HELP axon_unsent Unsent.\n# TYPE axon_unsent gauge\naxon_unsent -2.5\n# EOF\n";
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = families(text);
        let names: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.kind)).collect();
        assert_eq!(
            names,
            [
                ("axon_tasks", Kind::Counter),
                ("axon_run_seconds", Kind::Histogram),
                ("axon_unsent", Kind::Gauge)
            ]
        );
        let labels = vec![label("task", "a\"},{=\n\\"), label("outcome", "failed")];
        assert_eq!(
            (&found[0].points[0].labels, found[0].help.as_str()),
            (&labels, "Tasks")
        );
        let times = Point {
            labels: vec![label("task", "a")],
            value: 1.5,
            buckets: vec![(0.1, 1), (f64::INFINITY, 2)],
        };
        assert_eq!(
            (&found[1].points, found[1].unit.as_str()),
            (&vec![times], "seconds")
        );
        assert!((found[2].points[0].value + 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        for text in [
            "x",
            "x{",
            "x{a",
            "x{a=\"b",
            "x{a=\"b\"",
            "x{} y",
            "# TYPE",
            "#",
            "x 1",
        ] {
            assert_eq!(families(text), [], "{text}");
        }
    }
}
