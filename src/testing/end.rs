//! How a handler ended, and all it did on the way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::task::{Outcome, Told};

/// The end of a call. [`Expect`](super::Expect) takes the outcome apart.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerEnd {
    /// What an orchestrator gets.
    pub outcome: Outcome,
    /// All that the handler told, in its order, whether or not it would be sent.
    pub told: Vec<Told>,
    /// All files in the task's folder when it ended, those it was given included, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The models in the hot cache afterwards, sorted.
    pub hot_cache: Arc<[String]>,
    /// From the call of the handler, middleware included, to the end of the task, on
    /// tokio's clock: exact when that is paused. Zero when it was not called.
    pub took: Duration,
}

/// What the text of a failure begins with that was a panic.
const PANICKED: &str = "the handler panicked";

impl HandlerEnd {
    /// `success`, the handler's own status, `failure`, `cancelled` or `interrupted`.
    #[must_use]
    pub fn status(&self) -> &str {
        self.outcome.status()
    }

    /// What the handler said when it panicked, perhaps nothing; `None` when it did not. To
    /// an orchestrator a panic is a `TRANSIENT_ERROR`.
    #[must_use]
    pub fn panicked(&self) -> Option<&str> {
        let Outcome::Failed(error) = &self.outcome else {
            return None;
        };
        let said = error.message().strip_prefix(PANICKED)?;
        Some(said.trim_start_matches(": "))
    }

    /// The progress it reported, in order.
    #[must_use]
    pub fn progress(&self) -> Vec<(f64, &str)> {
        let mut progress = Vec::new();
        for told in &self.told {
            if let Told::Progress { value, message } = told {
                progress.push((*value, message.as_str()));
            }
        }
        progress
    }

    /// Names and payloads of the events it sent, in order.
    ///
    /// # Panics
    /// Never: payloads are JSON.
    #[must_use]
    pub fn events(&self) -> Vec<(&str, serde_json::Value)> {
        let mut events = Vec::new();
        for told in &self.told {
            if let Told::Event { name, payload, .. } = told {
                events.push((name.as_str(), payload.parse().expect("JSON")));
            }
        }
        events
    }

    /// A file as text.
    ///
    /// # Panics
    /// When it is not there or no UTF-8; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        let Some(content) = self.files.get(name) else {
            let there: Vec<_> = self.files.keys().collect();
            panic!("no file {name:?} in the task's folder, only {there:?}");
        };
        match std::str::from_utf8(content) {
            Ok(text) => text,
            Err(error) => panic!("the file {name:?} is no text: {error}"),
        }
    }
}

/// All files under a folder, by their names from there on, with `/` between the parts.
pub(super) fn files_under(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
                files.insert(parts.join("/"), std::fs::read(&path)?);
            }
        }
    }
    Ok(files)
}
