//! The layer of the optional TOML file.

use std::path::Path;

use config::{File, FileFormat, Map, Source, Value, ValueKind};

use super::problem::{Notes, Place, Problem};
use super::source::Layer;
use super::variables::{FILE_VARIABLE, VARIABLES};

/// Reads the file that `AXON_WORKER_CONFIG` names. What is wrong with it is noted,
/// and what is left of it is used to look for further problems. The tables `beside` mean
/// nothing here and is handed back.
pub(super) fn read(path: &str, beside: &[&str], notes: &mut Notes) -> (Layer, Map<String, Value>) {
    let unreadable = |reason: String| Problem::UnreadableFile {
        variable: FILE_VARIABLE,
        path: path.escape_debug().to_string(),
        reason,
    };
    let text = match std::fs::read_to_string(Path::new(path)) {
        Ok(text) => text,
        Err(e) => {
            notes.problem(unreadable(e.to_string()));
            return Default::default();
        }
    };
    match File::from_str(&text, FileFormat::Toml).collect() {
        Ok(mut found) => {
            let beside = beside
                .iter()
                .filter_map(|name| found.remove_entry(*name))
                .collect();
            let mut known = Map::new();
            sort_out("", found, path, &mut known, notes);
            (Layer(known), beside)
        }
        Err(e) => {
            notes.problem(unreadable(without_source(&e.to_string())));
            Default::default()
        }
    }
}

/// The parser quotes the line at fault, which may hold a token: only the position,
/// on the first line, and the reason, on the last, are kept.
fn without_source(message: &str) -> String {
    let mut lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let position = lines.next().unwrap_or("not TOML");
    match lines.next_back() {
        // Lines of the excerpt have a bar behind the line number.
        Some(reason) if !reason.contains('|') => format!("{position}: {reason}"),
        _ => position.to_owned(),
    }
}

/// Splits tables into full keys, and keeps those that mean something.
fn sort_out(
    table: &str,
    found: Map<String, Value>,
    path: &str,
    known: &mut Map<String, Value>,
    notes: &mut Notes,
) {
    for (name, value) in found {
        let key = if table.is_empty() {
            name
        } else {
            format!("{table}.{name}")
        };
        let inside = format!("{key}.");
        if !key.is_empty() && VARIABLES.iter().any(|variable| variable.key == key) {
            known.insert(key, value);
        } else if VARIABLES
            .iter()
            .any(|variable| variable.key.starts_with(&inside))
        {
            match value.kind {
                ValueKind::Table(inner) => sort_out(&key, inner, path, known, notes),
                _ => notes.problem(Place::key(&key, path).wrong("a table", "something else")),
            }
        } else {
            let place = Place::key(&key, path).to_string();
            notes.problem(Problem::UnknownKey { place });
        }
    }
}
