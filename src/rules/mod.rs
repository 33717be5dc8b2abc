//! Contracts at work: what goes into a handler and comes out of it, held against
//! what was said of it.
//!
//! A [`Contract`] is what is told to orchestrators. [`Rules`] are the same with every
//! schema compiled, once, when the worker is built. They are applied where the handler
//! runs; a handler without a contract costs a few comparisons with nothing.

#[cfg(feature = "contracts")]
mod checker;
#[cfg(feature = "contracts")]
pub(crate) mod derive;
#[cfg(feature = "contracts")]
mod readable;
#[cfg(all(test, feature = "contracts"))]
mod tests;

use tracing::warn;

use crate::json::RawJson;
use crate::task::{ErrorCode, Outcome, TaskError};
use crate::transport::Contract;

#[cfg(feature = "contracts")]
use checker::Checker;

/// The event that every handler may send, whatever its contract says.
const PROGRESS: &str = "progress";

/// A contract, ready to be applied.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    input: Option<Checker>,
    output: Option<Checker>,
    /// Few enough to be looked through.
    events: Vec<(String, Checker)>,
    statuses: Vec<String>,
}

impl Rules {
    /// Compiles the schemas.
    ///
    /// # Errors
    /// What is wrong with each of them.
    pub(crate) fn new(contract: &Contract) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut compile = |what: String, schema| match Checker::new(schema) {
            Ok(checker) => Some(checker),
            Err(reason) => {
                problems.push(format!("{what}: {reason}"));
                None
            }
        };
        let input = contract.input.as_ref();
        let input = input.and_then(|schema| compile("input schema".to_owned(), schema));
        let output = contract.output.as_ref();
        let output = output.and_then(|schema| compile("output schema".to_owned(), schema));
        let mut events = Vec::new();
        for (name, schema) in &contract.events {
            if let Some(checker) = compile(format!("schema of event {name:?}"), schema) {
                events.push((name.clone(), checker));
            }
        }
        if problems.is_empty() {
            Ok(Self {
                input,
                output,
                events,
                statuses: contract.output_statuses.clone(),
            })
        } else {
            Err(problems)
        }
    }

    /// Whether a handler may be called with these parameters.
    ///
    /// # Errors
    /// `INVALID_INPUT_ERROR`, naming the field at fault.
    pub(crate) fn check_input(&self, params: &RawJson) -> Result<(), TaskError> {
        let Some(checker) = &self.input else {
            return Ok(());
        };
        checker.check(params).map_err(TaskError::invalid_input)
    }

    /// What the orchestrator is to hear of what a handler returned: a success whose
    /// data breaks the contract becomes a `CONTRACT_VIOLATION_ERROR`. Failures and
    /// statuses of the handler's own have data of their own form.
    pub(crate) fn check_outcome(&self, outcome: Outcome) -> Outcome {
        let Outcome::Completed(reply) = &outcome else {
            return outcome;
        };
        let status = reply.status();
        if status != "success" {
            if !self.statuses.is_empty() && !self.statuses.iter().any(|known| known == status) {
                warn!(status, "the contract does not declare this status");
            }
            return outcome;
        }
        let fault = self
            .output
            .as_ref()
            .map(|checker| checker.check(reply.data()));
        match fault {
            Some(Err(reason)) => Outcome::Failed(TaskError::new(
                ErrorCode::ContractViolation,
                format!("the result breaks the contract: {reason}"),
            )),
            _ => outcome,
        }
    }

    /// Whether an event may be sent. A contract that names no events allows all;
    /// `strict` is about those that it does not name.
    ///
    /// # Errors
    /// `CONTRACT_VIOLATION_ERROR`, saying why not.
    pub(crate) fn check_event(
        &self,
        name: &str,
        payload: &RawJson,
        strict: bool,
    ) -> Result<(), TaskError> {
        let declared = self.events.iter().find(|(known, _)| known == name);
        let reason = match declared {
            Some((_, checker)) => match checker.check(payload) {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            },
            None if self.events.is_empty() || name == PROGRESS => return Ok(()),
            None if strict => "it is not declared".to_owned(),
            None => {
                warn!(event = name, "the contract does not declare this event");
                return Ok(());
            }
        };
        let text = format!("event {name:?} breaks the contract: {reason}");
        Err(TaskError::new(ErrorCode::ContractViolation, text))
    }
}

/// Without the feature there are no schemas, so there is nothing to compile.
#[cfg(not(feature = "contracts"))]
#[derive(Debug)]
enum Checker {}

#[cfg(not(feature = "contracts"))]
impl Checker {
    fn new(_: &serde_json::Value) -> Result<Self, String> {
        Err("needs the feature `contracts`".to_owned())
    }

    fn check(&self, _: &RawJson) -> Result<(), String> {
        match *self {}
    }
}
