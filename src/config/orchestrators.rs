//! The list of orchestrators, of `ORCHESTRATORS_CONFIG` or of the file.

use serde_json::{Map, Value as Json};

use super::draft::Draft;
use super::kind::Kind;
use super::problem::{Notes, Place, Problem};
use super::read::{shown, whole};
use super::shapes::{kind_of, object, unknown_fields};
use super::url;
use super::variables::{RXON_VERSION_WORDS, RXON_VERSIONS};
use super::{OrchestratorSettings, RxonVersion, Token};

/// An orchestrator whose token may still be the worker's own.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) url: String,
    pub(super) priority: i64,
    pub(super) weight: u32,
    pub(super) token: Option<Token>,
    pub(super) rxon_version: Option<RxonVersion>,
}

impl Entry {
    /// What it says nothing about is as with the others.
    pub(super) fn with_defaults(self, token: &Token, version: RxonVersion) -> OrchestratorSettings {
        OrchestratorSettings {
            url: self.url,
            priority: self.priority,
            weight: self.weight,
            token: self.token.unwrap_or_else(|| token.clone()),
            rxon_version: self.rxon_version.unwrap_or(version),
        }
    }
}

const FIELDS: &[&str] = &["url", "priority", "weight", "token", "rxon_version"];
/// Keeps the sum of all weights far from overflowing.
const MAX_WEIGHT: u32 = 1_000_000;

/// Reads the list; what is wrong with any entry is told, not only with the first.
pub(super) fn read(draft: &mut Draft, place: &Place, json: &Json, notes: &mut Notes) {
    let Json::Array(items) = json else {
        // A text here may be a whole list, tokens and all, in quotes once too often.
        return notes.problem(place.wrong("a list of orchestrators", kind_of(json)));
    };
    if items.is_empty() {
        return notes.problem(place.wrong("at least one orchestrator", "an empty list"));
    }
    let mut entries = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let place = place.at(format_args!("[{i}]"));
        // A text in place of an entry is probably a URL, perhaps with a password.
        let Some(fields) = object(&place, item, notes) else {
            continue;
        };
        unknown_fields(&place, fields, FIELDS, notes);
        entries.extend(entry(&place, fields, notes));
    }
    draft.orchestrators = Some(entries);
}

fn entry(place: &Place, fields: &Map<String, Json>, notes: &mut Notes) -> Option<Entry> {
    let url = read_url(&place.at(".url"), fields.get("url"), notes);
    let priority = read_priority(&place.at(".priority"), fields.get("priority"), notes);
    let weight = read_weight(&place.at(".weight"), fields.get("weight"), notes);
    let token = read_token(&place.at(".token"), fields.get("token"), notes);
    let version = read_version(
        &place.at(".rxon_version"),
        fields.get("rxon_version"),
        notes,
    );
    Some(Entry {
        url: url?,
        priority: priority?,
        weight: weight?,
        token: token?,
        rxon_version: version?,
    })
}

fn read_url(place: &Place, json: Option<&Json>, notes: &mut Notes) -> Option<String> {
    let text = match json {
        None | Some(Json::Null) => "",
        Some(Json::String(text)) => text.trim(),
        Some(other) => {
            notes.problem(place.wrong(Kind::OrchestratorUrl, shown(other)));
            return None;
        }
    };
    if text.is_empty() {
        notes.problem(Problem::Missing {
            place: place.to_string(),
        });
        return None;
    }
    let good = url::base_url(text, true);
    if good.is_none() {
        notes.problem(place.wrong(Kind::OrchestratorUrl, url::shown(text)));
    }
    good
}

fn read_priority(place: &Place, json: Option<&Json>, notes: &mut Notes) -> Option<i64> {
    let Some(json) = json else { return Some(10) };
    let number = json.as_number().and_then(|_| whole(json));
    if number.is_none() {
        notes.problem(place.wrong("a whole number", shown(json)));
    }
    number
}

fn read_weight(place: &Place, json: Option<&Json>, notes: &mut Notes) -> Option<u32> {
    let Some(json) = json else { return Some(1) };
    let number = json
        .as_number()
        .and_then(|_| u32::try_from(whole(json)?).ok())
        .filter(|n| (1..=MAX_WEIGHT).contains(n));
    if number.is_none() {
        notes.problem(place.wrong(
            Kind::Whole {
                min: 1,
                max: MAX_WEIGHT,
            },
            shown(json),
        ));
    }
    number
}

/// The outer `None` is a problem, the inner one means the worker's own token.
#[expect(clippy::option_option, reason = "both are needed, and only here")]
fn read_token(place: &Place, json: Option<&Json>, notes: &mut Notes) -> Option<Option<Token>> {
    let text = match json {
        None | Some(Json::Null) => return Some(None),
        Some(Json::String(text)) if text.trim().is_empty() => return Some(None),
        Some(Json::String(text)) => super::read::secret(text),
        Some(_) => None,
    };
    match &text {
        Some(text) => super::read::warn_if_short(place, text, notes),
        None => notes.problem(place.wrong(Kind::Secret, super::read::HIDDEN)),
    }
    text.map(|text| Some(Token::from(text)))
}

/// As [`read_token`].
#[expect(clippy::option_option, reason = "both are needed, and only here")]
fn read_version(
    place: &Place,
    json: Option<&Json>,
    notes: &mut Notes,
) -> Option<Option<RxonVersion>> {
    let text = match json {
        None | Some(Json::Null) => return Some(None),
        Some(Json::String(text)) if text.trim().is_empty() => return Some(None),
        Some(Json::String(text)) => text.trim(),
        Some(_) => "",
    };
    let found = RXON_VERSIONS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    if found.is_none() {
        let kind = Kind::OneOf(RXON_VERSION_WORDS);
        notes.problem(place.wrong(kind, json.map(shown).unwrap_or_default()));
    }
    found.map(|(_, version)| Some(*version))
}
