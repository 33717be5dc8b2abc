//! Somebody who watches what a task tells while it tells it, before anything is gathered
//! or held back. Tests of handlers have one; workers have none.

use std::sync::Arc;

use crate::json::RawJson;

/// Something that a handler told or changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Told {
    /// It reported progress. A worker sends on the first value, the last one, and of those
    /// in between at most one a second.
    Progress {
        /// From 0.0 to 1.0.
        value: f64,
        /// For people.
        message: String,
    },
    /// It sent an event that its contract allows.
    Event {
        /// What it is called.
        name: String,
        /// What it says: a JSON object.
        payload: RawJson,
        /// Higher is more urgent.
        priority: f64,
    },
    /// It called a skill of some other worker.
    SkillCall {
        /// Which one.
        skill: String,
        /// What goes in.
        params: RawJson,
    },
    /// It put a model into the hot cache.
    Warmed(String),
    /// It took a model out of the hot cache.
    Cooled(String),
}

/// Is told everything at once, on the handler's thread.
pub(crate) type Witness = Arc<dyn Fn(Told) + Send + Sync>;
