//! What becomes of a failure, by its code.

use std::fmt;

use serde_json::Value;

use super::Answer;
use crate::dev::Dialect;

/// What data that break a contract cost the reputation of a worker.
pub(crate) const BROKEN_CONTRACT: f64 = -0.2;

/// What becomes of a job whose task failed, as measured for each code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Retry,
    Fail,
    Quarantine,
}

/// The `error` of a result. It may be an object, plain text or absent.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    code: Option<&'a str>,
    message: &'a str,
}

impl<'a> Failure<'a> {
    pub(super) fn of(error: Option<&'a Value>) -> Self {
        let member = |name| error?.get(name)?.as_str();
        let plain = error.and_then(Value::as_str);
        Self {
            code: member("code"),
            message: plain.or_else(|| member("message")).unwrap_or_default(),
        }
    }

    pub(super) fn verdict(&self, dialect: Dialect) -> Verdict {
        match self.code {
            // Unknown in 1.0b2, where it is tried again.
            Some("CONTRACT_VIOLATION_ERROR") if dialect.is_1_0b17() => Verdict::Quarantine,
            Some("PERMANENT_ERROR" | "SECURITY_ERROR" | "DEPENDENCY_ERROR") => Verdict::Quarantine,
            Some("INVALID_INPUT_ERROR" | "INTEGRITY_MISMATCH_ERROR") => Verdict::Fail,
            _ => Verdict::Retry,
        }
    }
}

/// What a result costs the reputation of its worker (1.0b17), or is worth.
pub(crate) fn reputation(answer: &Answer) -> f64 {
    let failure = Failure::of(answer.error.as_ref());
    match (answer.status.as_str(), failure.code) {
        ("cancelled", _) => 0.0,
        ("failure", Some("CONTRACT_VIOLATION_ERROR")) => BROKEN_CONTRACT,
        ("failure", _) => match failure.verdict(Dialect::V1_0b17) {
            Verdict::Quarantine => -0.05,
            Verdict::Retry | Verdict::Fail => 0.0,
        },
        _ => 0.001,
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.unwrap_or("no code"), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_may_have_any_shape() {
        let text = |error: Option<Value>| Failure::of(error.as_ref()).to_string();
        assert_eq!(text(Some(json!({"code": "C", "message": "m"}))), "C: m");
        assert_eq!(text(Some(json!("plain"))), "no code: plain");
        assert_eq!(text(Some(json!([1]))), "no code: ");
        assert_eq!(text(None), "no code: ");
        assert_eq!(Failure::of(None).verdict(Dialect::V1_0b2), Verdict::Retry);
    }

    #[test]
    fn a_broken_contract_is_final_in_1_0b17_only() {
        let error = Some(json!({"code": "CONTRACT_VIOLATION_ERROR", "message": "m"}));
        let failure = Failure::of(error.as_ref());
        assert_eq!(failure.verdict(Dialect::V1_0b2), Verdict::Retry);
        assert_eq!(failure.verdict(Dialect::V1_0b17), Verdict::Quarantine);
    }
}
