//! `LOG_LEVEL`: a level, or directives that say what is logged of whom.

/// What may be logged, and the names that Python has for it.
const LEVELS: [(&str, &str); 10] = [
    ("off", "off"),
    ("error", "error"),
    ("warn", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
    ("warning", "warn"),
    ("critical", "error"),
    ("fatal", "error"),
    ("notset", "trace"),
];

/// The directives in one form. `None`: at least one of them is none.
///
/// A word that is no level would be taken for a target of which everything is logged,
/// which is hardly what was meant by `LOG_LEVEL=verbose`.
pub(super) fn checked(text: &str) -> Option<String> {
    let directives: Option<Vec<_>> = split(text).into_iter().map(directive).collect();
    let directives = directives?;
    (!directives.is_empty()).then(|| directives.join(","))
}

fn directive(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(level) = level(text) {
        return Some(level.to_owned());
    }
    if text.ends_with(']') && text.contains('[') {
        return Some(text.to_owned());
    }
    let (whose, word) = text.rsplit_once('=')?;
    let whose = whose.trim();
    let is_balanced = whose.matches('[').count() == whose.matches(']').count();
    let level = level(word.trim()).filter(|_| !whose.is_empty() && is_balanced)?;
    Some(format!("{whose}={level}"))
}

fn level(word: &str) -> Option<&'static str> {
    let mut levels = LEVELS.iter();
    let found = levels.find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, level)| *level)
}

/// At commas outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |it| {
        match it {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        it == ',' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn levels_and_directives_are_told_from_mistakes() {
        for (text, filter) in [
            ("INFO", "info"),
            ("Warning", "warn"),
            ("critical", "error"),
            ("info, axon_worker=DEBUG", "info,axon_worker=debug"),
            (
                "warn,app[task{kind=\"a,b\"}]=trace",
                "warn,app[task{kind=\"a,b\"}]=trace",
            ),
            ("[task]", "[task]"),
        ] {
            assert_eq!(checked(text).as_deref(), Some(filter), "{text}");
        }
        for text in [
            "",
            ",",
            "info,",
            "verbose",
            "axon_worker",
            "axon_worker=loud",
            "=info",
            "a]=info",
        ] {
            assert_eq!(checked(text), None, "{text}");
        }
    }
}
