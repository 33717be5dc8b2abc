//! The values that are lists and tables: installed software and models, devices,
//! costs, limits by task type, and what has a shape of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::draft::Draft;
use super::kind::Kind;
use super::problem::{Notes, Place, Problem};
use super::read::{number, shown, whole};
use super::{Artifact, Device};
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
    draft.settings.installed_models = list(place, json, notes, |place, fields, notes| {
        unknown_fields(
            place,
            fields,
            &["name", "version", "type", "properties"],
            notes,
        );
        let version = text_of(place, fields, "version", notes);
        Some(Artifact {
            name: required(place, fields, "name", notes)?,
            version: version.unwrap_or_else(|| "unknown".to_owned()),
            kind: text_of(place, fields, "type", notes),
            properties: properties_of(place, fields, notes),
        })
    });
}

pub(super) fn devices(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    draft.settings.resources.devices = list(place, json, notes, |place, fields, notes| {
        unknown_fields(place, fields, &["type", "model", "id", "properties"], notes);
        Some(Device {
            kind: required(place, fields, "type", notes)?,
            model: text_of(place, fields, "model", notes),
            id: text_of(place, fields, "id", notes),
            properties: properties_of(place, fields, notes),
        })
    });
}

/// Values of any kind by name. Text that begins like a list or a table is one, if it
/// is JSON; the reference worker takes anything else for text, too.
pub(super) fn extra(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    let fields = object(place, json, notes).into_iter().flatten();
    draft.settings.extra = fields
        .map(|(name, value)| {
            let structure = value.as_str().and_then(|text| structure(text)?.ok());
            (name.clone(), structure.unwrap_or_else(|| value.clone()))
        })
        .collect();
}

/// The list or table that a text is, or why it is none although it begins like one.
pub(super) fn structure(text: &str) -> Option<serde_json::Result<Json>> {
    let claims = text.starts_with(['{', '[']);
    claims.then(|| serde_json::from_str(text))
}

/// A list of tables; what is wrong with any of them is told.
fn list<T>(
    place: &Place,
    json: &Json,
    notes: &mut Notes,
    read: impl Fn(&Place, &Map<String, Json>, &mut Notes) -> Option<T>,
) -> Vec<T> {
    let Json::Array(items) = json else {
        notes.problem(place.wrong("a list", kind_of(json)));
        return Vec::new();
    };
    let mut read_all = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let place = place.at(format_args!("[{i}]"));
        if let Some(fields) = object(&place, item, notes) {
            read_all.extend(read(&place, fields, notes));
        }
    }
    read_all
}

fn required(
    place: &Place,
    fields: &Map<String, Json>,
    name: &str,
    notes: &mut Notes,
) -> Option<String> {
    if fields.contains_key(name) {
        return text_of(place, fields, name, notes);
    }
    notes.problem(Problem::Missing {
        place: place.at(format_args!(".{name}")).to_string(),
    });
    None
}

fn text_of(
    place: &Place,
    fields: &Map<String, Json>,
    name: &str,
    notes: &mut Notes,
) -> Option<String> {
    match fields.get(name)? {
        Json::String(text) => Some(text.clone()),
        other => {
            let place = place.at(format_args!(".{name}"));
            notes.problem(place.wrong(Kind::Text, shown(other)));
            None
        }
    }
}

fn properties_of(place: &Place, fields: &Map<String, Json>, notes: &mut Notes) -> Option<Json> {
    let properties = fields.get("properties")?;
    object(&place.at(".properties"), properties, notes)?;
    Some(properties.clone())
}
