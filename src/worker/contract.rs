//! What goes into a task and comes out of it, as its spec says.

use std::sync::Arc;

use serde_json::Value;

use super::TaskSpec;
use crate::transport::Contract;

impl TaskSpec {
    /// The version of the task, for people and for the rules of orchestrators.
    #[must_use]
    pub fn version(self, version: impl Into<String>) -> Self {
        self.contract(|contract| contract.version = Some(version.into()))
    }

    /// A status of its own that the handler may reply with, see
    /// [`Reply::status_with`](crate::Reply::status_with).
    ///
    /// With at least one of them, an orchestrator (avtomatika 1.0b30) asks only for
    /// these: jobs that wait for another status are not given to this worker. A reply
    /// with a status that is not declared still goes out, with a warning in the log.
    #[must_use]
    pub fn output_status(self, status: impl Into<String>) -> Self {
        self.contract(|contract| contract.output_statuses.push(status.into()))
    }

    /// Something else that the rules of orchestrators may look at.
    #[must_use]
    pub fn property(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.contract(|contract| {
            contract.properties.insert(name.into(), value.into());
        })
    }

    fn contract(mut self, change: impl FnOnce(&mut Contract)) -> Self {
        change(Arc::make_mut(&mut self.entry.contract));
        self
    }

    /// What is said of the handler itself, where nothing was said of the task.
    pub(super) fn or_contract(self, derived: Contract) -> Self {
        self.contract(|contract| {
            contract.input = contract.input.take().or(derived.input);
            contract.output = contract.output.take().or(derived.output);
        })
    }
}

/// Schemas of parameters, results and events. Each can be derived from a type that
/// has a `schemars::JsonSchema`, or given as JSON; a schema that does not name its
/// draft is read as draft 7. [`contract()`](crate::contract()) derives them from a
/// handler. A schema that is no schema is an error when the worker is built.
///
/// ```
/// use axon_worker::TaskSpec;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use serde_json::json;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Resize {
///     width: u32,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// struct Step {
///     row: u32,
/// }
///
/// let spec = TaskSpec::named("resize")
///     .input::<Resize>()
///     .output_schema(json!({"type": "object", "required": ["bytes"]}))
///     .event::<Step>("step");
/// ```
#[cfg(feature = "contracts")]
impl TaskSpec {
    /// What the parameters look like. A task whose parameters look otherwise fails with
    /// `INVALID_INPUT_ERROR`, before its files are fetched and its handler is called.
    #[must_use]
    pub fn input<T: schemars::JsonSchema>(self) -> Self {
        self.contract(|contract| contract.input = crate::rules::derive::taken::<T>())
    }

    /// What the data of a success looks like. A handler that returns something else
    /// fails with `CONTRACT_VIOLATION_ERROR`. Values that are no objects are described
    /// as the field `result` that they are sent in.
    #[must_use]
    pub fn output<T: schemars::JsonSchema>(self) -> Self {
        self.contract(|contract| contract.output = crate::rules::derive::returned::<T>())
    }

    /// An event that the handler may send, and what its payload looks like. With at
    /// least one of them, others are held back (see `STRICT_EVENT_VALIDATION`), except
    /// for `progress`.
    #[must_use]
    pub fn event<T: schemars::JsonSchema>(self, name: impl Into<String>) -> Self {
        let schema = crate::rules::derive::sent::<T>();
        self.event_schema(name, schema.unwrap_or_else(|| serde_json::json!({})))
    }

    /// [`TaskSpec::input`] as JSON.
    #[must_use]
    pub fn input_schema(self, schema: Value) -> Self {
        self.contract(|contract| contract.input = Some(schema))
    }

    /// [`TaskSpec::output`] as JSON.
    #[must_use]
    pub fn output_schema(self, schema: Value) -> Self {
        self.contract(|contract| contract.output = Some(schema))
    }

    /// [`TaskSpec::event`] as JSON.
    #[must_use]
    pub fn event_schema(self, name: impl Into<String>, schema: Value) -> Self {
        self.contract(|contract| {
            contract.events.insert(name.into(), schema);
        })
    }
}
