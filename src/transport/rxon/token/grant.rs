//! The messages about access tokens. Nothing of them may reach a log.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::plan::Grant;
use crate::config::Token;
use crate::id::WorkerId;
use crate::transport::http::Response;

/// The life of a token whose answer does not tell it.
const UNTOLD: Duration = Duration::from_mins(5);
/// Longer than any token lives.
const LONGEST: Duration = Duration::from_hours(24 * 30);

#[derive(Deserialize)]
struct Wire {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<f64>,
    worker_id: Option<String>,
}

/// Reads an answer that gives a token to this worker.
///
/// # Errors
/// What is wrong with it, without any of its values.
pub(super) fn read(answer: Response, worker_id: &WorkerId) -> Result<Grant, String> {
    let body = answer.whole().map_err(|error| error.to_string())?;
    read_body(&body, worker_id)
}

fn read_body(body: &[u8], worker_id: &WorkerId) -> Result<Grant, String> {
    // The text of the parser may quote a token.
    let wire: Wire =
        serde_json::from_slice(body).map_err(|_| "the answer holds no access token".to_owned())?;
    // 1.0b12 goes by the name in our certificate.
    if let Some(id) = wire.worker_id.filter(|id| id != worker_id.as_str()) {
        let id: String = id.chars().take(128).collect();
        return Err(format!("the access token is for another worker, {id:?}"));
    }
    let access = token(wire.access_token).ok_or("the access token fits into no header")?;
    let life = wire
        .expires_in
        .filter(|seconds| *seconds > 0.0)
        .map_or(UNTOLD, |seconds| {
            Duration::try_from_secs_f64(seconds).map_or(LONGEST, |life| life.min(LONGEST))
        });
    Ok(Grant {
        access,
        refresh: wire.refresh_token.and_then(token),
        life,
    })
}

fn token(text: String) -> Option<Token> {
    let fits = !text.is_empty() && text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    fits.then(|| Token::from(text))
}

pub(super) fn write_refresh(token: &Token) -> Bytes {
    #[derive(Serialize)]
    struct Wire<'a> {
        refresh_token: &'a str,
    }
    let wire = Wire {
        refresh_token: token.expose(),
    };
    serde_json::to_vec(&wire)
        .expect("a text can always be written")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> Result<Grant, String> {
        read_body(text.as_bytes(), &WorkerId::try_new("w").unwrap())
    }

    #[test]
    fn both_dialects_are_read() {
        let old = grant(r#"{"access_token": "a", "expires_in": 3600, "worker_id": "w"}"#);
        let old = old.unwrap();
        assert_eq!(old.life, Duration::from_hours(1));
        assert_eq!(old.refresh, None);
        let new =
            grant(r#"{"access_token":"a","expires_in":60.5,"refresh_token":"r","worker_id":"w"}"#);
        let new = new.unwrap();
        assert_eq!(new.life, Duration::from_millis(60_500));
        assert_eq!(new.refresh, Some(Token::from("r")));
    }

    #[test]
    fn a_life_that_makes_no_sense_is_short_and_one_without_end_is_not() {
        for life in ["null", "0", "-1"] {
            let text = format!(r#"{{"access_token":"a","expires_in":{life}}}"#);
            assert_eq!(grant(&text).unwrap().life, UNTOLD, "{life}");
        }
        let text = r#"{"access_token":"a","expires_in":1e300}"#;
        assert_eq!(grant(text).unwrap().life, LONGEST);
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_being_quoted() {
        for text in [
            "hunter2",
            r#"{"access_token": ["hunter2"]}"#,
            r#"{"access_token": "hunter2\n"}"#,
            r#"{"access_token": "hunter2", "worker_id": "other"}"#,
            r#"{"access_token": "hunter2", "expires_in": "hunter2"}"#,
            r#"{"access_token": ""}"#,
            r#"{"error": "hunter2"}"#,
        ] {
            let reason = grant(text).unwrap_err();
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }

    #[test]
    fn the_refresh_request_is_json() {
        let body = write_refresh(&Token::from("a\"b"));
        assert_eq!(&body[..], br#"{"refresh_token":"a\"b"}"#);
    }
}
