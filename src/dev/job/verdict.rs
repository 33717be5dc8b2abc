//! What becomes of a failure, by its code.

use std::fmt;

use serde_json::Value;

/// What becomes of a job whose task failed (RXON 1.0b2, as measured for each code).
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

    pub(super) fn verdict(&self) -> Verdict {
        match self.code {
            Some("PERMANENT_ERROR" | "SECURITY_ERROR" | "DEPENDENCY_ERROR") => Verdict::Quarantine,
            Some("INVALID_INPUT_ERROR" | "INTEGRITY_MISMATCH_ERROR") => Verdict::Fail,
            _ => Verdict::Retry,
        }
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
        assert_eq!(Failure::of(None).verdict(), Verdict::Retry);
    }
}
