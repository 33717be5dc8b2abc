//! A file that has more than settings: a table beside them, read by somebody else in the
//! same way, so that all problems are told together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::kind::Kind;
use super::load::{Loaded, of_process, read_all};
use super::problem::{ConfigError, Notes, Place, Problem};
use super::read::{bytes, number, shown, whole};
use super::resolved::{Inspection, Origin};
use super::shapes::kind_of;
use super::variables::FILE_VARIABLE;
use crate::id::check_identifier;

/// Reads settings as [`Settings::load`](super::Settings::load), from this file and the
/// environment, or these variables in its place, and the tables of these names by `read`,
/// which is called for each of them whether it is there or not.
pub(crate) fn load(
    path: &Path,
    vars: Option<BTreeMap<String, String>>,
    tables: &[&'static str],
    read: impl FnMut(&'static str, Option<Table<'_>>),
) -> Result<Loaded, ConfigError> {
    let Inspection {
        settings, warnings, ..
    } = inspect(path, vars, tables, read);
    let settings = settings?;
    Ok(Loaded { settings, warnings })
}

/// The same, telling where each setting comes from, as
/// [`Settings::inspect`](super::Settings::inspect) does.
pub(crate) fn inspect(
    path: &Path,
    vars: Option<BTreeMap<String, String>>,
    tables: &[&'static str],
    mut read: impl FnMut(&'static str, Option<Table<'_>>),
) -> Inspection {
    let (mut vars, mut notes) =
        vars.map_or_else(|| of_process(|_| true), |vars| (vars, Notes::default()));
    let path = path.to_string_lossy().into_owned();
    vars.insert(FILE_VARIABLE.to_owned(), path.clone());
    let (settings, mut resolved, found) = read_all(&vars, tables, &mut notes);
    if let Some(named) = resolved.last_mut() {
        named.origin = Origin::Program;
    }
    for table in tables {
        let place = Place::key(table, &path);
        let fields = match found.get(*table) {
            None => None,
            Some(Json::Object(fields)) => Some(fields),
            Some(other) => {
                notes.problem(place.wrong("a table", kind_of(other)));
                None
            }
        };
        read(
            table,
            fields.map(|fields| Table::new(place, fields, &mut notes)),
        );
    }
    let (warnings, error) = notes.finish();
    Inspection {
        resolved,
        warnings,
        settings: error.map_or(Ok(settings), Err),
    }
}

/// A table that is being read. What is wrong is noted; what was not asked for is unknown.
pub(crate) struct Table<'a> {
    place: Place,
    fields: &'a Map<String, Json>,
    asked: BTreeSet<&'static str>,
    notes: &'a mut Notes,
}

impl<'a> Table<'a> {
    fn new(place: Place, fields: &'a Map<String, Json>, notes: &'a mut Notes) -> Self {
        Self {
            place,
            fields,
            asked: BTreeSet::new(),
            notes,
        }
    }

    /// All is read: other keys mean nothing.
    pub(crate) fn finish(self) {
        for name in self
            .fields
            .keys()
            .filter(|name| !self.asked.contains(name.as_str()))
        {
            let place = self.place.at(format_args!(".{name}")).to_string();
            self.notes.problem(Problem::UnknownKey { place });
        }
    }

    /// Notes that the value of a key is not as expected; the empty key is the table.
    pub(crate) fn wrong(&mut self, key: &str, expected: &str, got: &str) {
        let place = match key {
            "" => self.place.clone(),
            key => self.place.at(format_args!(".{key}")),
        };
        self.notes.problem(place.wrong(expected, got));
    }

    pub(crate) fn missing(&mut self, key: &str) {
        let place = self.place.at(format_args!(".{key}")).to_string();
        self.notes.problem(Problem::Missing { place });
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    /// Notes a key that is of no use without something else.
    pub(crate) fn only_with(&mut self, key: &'static str, needs: &'static str) {
        self.asked.insert(key);
        if self.has(key) {
            let place = self.place.at(format_args!(".{key}")).to_string();
            self.notes.problem(Problem::Incomplete { place, needs });
        }
    }

    /// The value of a key by `read`, or what is wrong with it.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Json) -> Option<T>,
    ) -> Option<T> {
        self.asked.insert(key);
        let raw = self.fields.get(key)?;
        let value = read(raw);
        if value.is_none() {
            self.wrong(key, expected, &shown(raw));
        }
        value
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        self.value(key, "text", |raw| raw.as_str().map(str::to_owned))
    }

    pub(crate) fn identifier(&mut self, key: &'static str) -> Option<String> {
        self.value(key, &Kind::Identifier.to_string(), |raw| {
            let name = raw.as_str()?;
            check_identifier(name).is_ok().then(|| name.to_owned())
        })
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "true or false", Json::as_bool)
    }

    /// The place of the word among these.
    pub(crate) fn choice(&mut self, key: &'static str, words: &'static [&str]) -> Option<usize> {
        let expected = Kind::OneOf(words).to_string();
        self.value(key, &expected, |raw| {
            let word = raw.as_str()?;
            words
                .iter()
                .position(|known| known.eq_ignore_ascii_case(word))
        })
    }

    pub(crate) fn whole(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        self.value(key, &format!("a whole number from {min} to {max}"), |raw| {
            let n = u64::try_from(whole(raw)?).ok()?;
            (min..=max).contains(&n).then_some(n)
        })
    }

    pub(crate) fn seconds(&mut self, key: &'static str, zero: bool) -> Option<Duration> {
        let kind = Kind::Seconds { above_zero: !zero };
        self.value(key, &kind.to_string(), |raw| {
            let n = number(raw).filter(|n| (0.0..=1e9).contains(n))?;
            let time = Duration::try_from_secs_f64(n).ok()?;
            (zero || !time.is_zero()).then_some(time)
        })
    }

    /// A number of bytes, or a text with a unit: `"512 MiB"`.
    pub(crate) fn bytes(&mut self, key: &'static str, min: u64) -> Option<u64> {
        let expected = format!("bytes from {min}, or a text such as \"512 MiB\"");
        self.value(key, &expected, |raw| bytes(raw).filter(|n| *n >= min))
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.value(key, "a list of texts", |raw| {
            let texts = raw.as_array()?.iter();
            texts.map(|it| it.as_str().map(str::to_owned)).collect()
        })
    }

    /// A table of texts; those that are none are noted.
    pub(crate) fn texts_by_name(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        self.asked.insert(key);
        match self.fields.get(key) {
            None => {}
            Some(Json::Object(fields)) => {
                for (name, value) in fields {
                    match value {
                        Json::String(text) => drop(texts.insert(name.clone(), text.clone())),
                        other => self.wrong(&format!("{key}.{name}"), "text", &shown(other)),
                    }
                }
            }
            Some(other) => self.wrong(key, "a table", &kind_of(other)),
        }
        texts
    }

    /// A table inside.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Table<'_>> {
        self.asked.insert(key);
        let place = self.place.at(format_args!(".{key}"));
        match self.fields.get(key)? {
            Json::Object(fields) => Some(Table::new(place, fields, self.notes)),
            other => {
                self.notes.problem(place.wrong("a table", kind_of(other)));
                None
            }
        }
    }

    /// All tables inside, by their names, which are no keys of ours.
    pub(crate) fn each_table(&mut self, mut read: impl FnMut(&str, Table<'_>)) {
        for (name, value) in self.fields {
            let place = self.place.at(format_args!(".{name}"));
            match value {
                Json::Object(fields) => read(name, Table::new(place, fields, self.notes)),
                other => self.notes.problem(place.wrong("a table", kind_of(other))),
            }
        }
    }
}
