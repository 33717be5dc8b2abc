//! Failures as they are told: whatever a handler says, small enough for everybody.

use std::borrow::Cow;

use serde_json::json;

use crate::task::TaskError;

/// The longest message that is told whole, in bytes.
const MESSAGE: usize = 16 * 1024;

/// The largest details that are told, in bytes.
const DETAILS: usize = 64 * 1024;

/// Returns a failure that fits into any message. Its code says what becomes of the task
/// and stays; a long message is cut, and details that are too large are left out.
pub(super) fn cut(error: &TaskError) -> Cow<'_, TaskError> {
    let of_details = error.details().map_or(0, |it| it.as_bytes().len());
    if error.message().len() <= MESSAGE && of_details <= DETAILS {
        return Cow::Borrowed(error);
    }
    let told = TaskError::new(error.code().clone(), cut_text(error.message()));
    Cow::Owned(match error.details() {
        None => told,
        Some(details) if of_details <= DETAILS => told.with_details(details),
        Some(_) => told.with_details(&json!({ "left_out_bytes": of_details })),
    })
}

fn cut_text(text: &str) -> String {
    if text.len() <= MESSAGE {
        return text.to_owned();
    }
    let fits = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=MESSAGE).rev().find(fits).unwrap_or(0);
    let cut = text.len() - end;
    format!("{}… ({cut} bytes more)", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::ErrorCode;

    #[test]
    fn a_long_failure_keeps_its_code_and_the_start_of_its_message() {
        let long = TaskError::transient("ü".repeat(600_000)).with_details(&"x".repeat(2_000_000));
        let told = cut(&long);
        assert_eq!(told.code(), &ErrorCode::Transient);
        assert!(told.message().len() < MESSAGE + 100);
        assert!(told.message().starts_with("üüü"));
        assert!(told.message().ends_with("bytes more)"));
        assert_eq!(
            told.details().unwrap().as_str(),
            r#"{"left_out_bytes":2000002}"#
        );
    }

    #[test]
    fn details_stay_where_only_the_message_is_long() {
        let long = TaskError::permanent("x".repeat(2 * MESSAGE)).with_details(&[1, 2]);
        assert_eq!(cut(&long).details().unwrap().as_str(), "[1,2]");
        let short = TaskError::permanent("no").with_details(&[1, 2]);
        assert!(matches!(cut(&short), Cow::Borrowed(_)));
    }
}
