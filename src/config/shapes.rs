//! The values that are lists and tables: installed software and models, costs,
//! limits by task type.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::Artifact;
use super::draft::Draft;
use super::kind::Kind;
use super::problem::{Notes, Place, Problem};
use super::read::{number, shown, whole};
use crate::id::check_identifier;

/// The most tasks of one type, or of all, at once.
pub(super) const MAX_TASKS: u32 = 1_000_000;

/// A table, or a problem that tells only what it is instead.
pub(super) fn object<'a>(
    place: &Place,
    json: &'a Json,
    notes: &mut Notes,
) -> Option<&'a Map<String, Json>> {
    let fields = json.as_object();
    if fields.is_none() {
        notes.problem(place.wrong("an object", kind_of(json)));
    }
    fields
}

/// What it is, without what a text says.
pub(super) fn kind_of(json: &Json) -> String {
    match json {
        Json::String(_) => "text".to_owned(),
        other => shown(other),
    }
}

/// Fields that mean nothing: a mistake in our own file, but only worth a warning
/// in a variable, which other programs may read as well.
pub(super) fn unknown_fields(
    place: &Place,
    fields: &Map<String, Json>,
    known: &[&str],
    notes: &mut Notes,
) {
    let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
    if place.is_in_file() {
        for name in unknown {
            let place = place.at(format_args!(".{name}")).to_string();
            notes.problem(Problem::UnknownKey { place });
        }
        return;
    }
    let names: Vec<String> = unknown.map(|name| format!("{name:?}")).collect();
    if !names.is_empty() {
        notes.warn(format!(
            "{place}: ignored unknown fields: {}",
            names.join(", ")
        ));
    }
}

/// A table whose values all pass `check`; those that do not are problems.
fn table<T>(
    place: &Place,
    json: &Json,
    notes: &mut Notes,
    expected: Kind,
    check: impl Fn(&Json) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut out = BTreeMap::new();
    for (name, value) in object(place, json, notes).into_iter().flatten() {
        match check(value) {
            Some(value) => drop(out.insert(name.clone(), value)),
            None => notes.problem(
                place
                    .at(format_args!(".{name}"))
                    .wrong(expected, shown(value)),
            ),
        }
    }
    out
}

pub(super) fn software(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    draft.settings.installed_software = table(place, json, notes, Kind::Text, |version| {
        version.as_str().map(str::to_owned)
    });
}

pub(super) fn costs(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    let kind = Kind::Number { min: 0 };
    draft.settings.cost_per_skill = table(place, json, notes, kind, |cost| {
        number(cost).filter(|n| *n >= 0.0)
    });
}

pub(super) fn limits(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    let kind = Kind::Whole {
        min: 0,
        max: MAX_TASKS,
    };
    let limits = table(place, json, notes, kind, |limit| {
        let limit = u32::try_from(whole(limit)?)
            .ok()
            .filter(|n| *n <= MAX_TASKS)?;
        usize::try_from(limit).ok()
    });
    for name in limits.keys().filter(|name| check_identifier(name).is_err()) {
        let expected = format!("names of task types, each {}", Kind::Identifier);
        notes.problem(place.wrong(expected, super::read::quoted(name)));
    }
    draft.settings.intake.task_type_limits = limits;
}

pub(super) fn models(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    let Json::Array(items) = json else {
        return notes.problem(place.wrong("a list", kind_of(json)));
    };
    let mut models = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let place = place.at(format_args!("[{i}]"));
        let Some(fields) = object(&place, item, notes) else {
            continue;
        };
        unknown_fields(&place, fields, &["name", "version"], notes);
        match (fields.get("name"), fields.get("version")) {
            (None, _) => {
                notes.problem(Problem::Missing {
                    place: place.at(".name").to_string(),
                });
            }
            (Some(Json::String(name)), None) => {
                models.push(Artifact {
                    name: name.clone(),
                    version: "unknown".to_owned(),
                    ..Artifact::default()
                });
            }
            (Some(Json::String(name)), Some(Json::String(version))) => {
                models.push(Artifact {
                    name: name.clone(),
                    version: version.clone(),
                    ..Artifact::default()
                });
            }
            (Some(Json::String(_)), Some(other)) => {
                notes.problem(place.at(".version").wrong(Kind::Text, shown(other)));
            }
            (Some(other), _) => {
                notes.problem(place.at(".name").wrong(Kind::Text, shown(other)));
            }
        }
    }
    draft.settings.installed_models = models;
}
