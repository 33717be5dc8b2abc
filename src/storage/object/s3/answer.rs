//! What answers of the storage mean.

use std::error::Error as _;

use reqwest::Response;
use s3::error::S3Error;

use crate::storage::object::{ObjectUri, Source, StorageError};

/// More of an error's text is not read.
const LONGEST: usize = 16 * 1024;

/// What services answer when keys have ended, were replaced, or are not known.
const ABOUT_KEYS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StorageError,
    /// Whether other keys might have helped.
    pub(super) is_about_keys: bool,
    /// Whether a digest of the body might have helped.
    pub(super) is_about_digest: bool,
}

impl Failure {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self.error, StorageError::NotFound { .. })
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self {
            error,
            is_about_keys: false,
            is_about_digest: false,
        }
    }
}

/// An error of the library.
pub(super) fn failed(uri: &ObjectUri) -> impl FnOnce(S3Error) -> Failure {
    let uri = uri.clone();
    move |error| {
        let error = match error {
            S3Error::HttpFailWithBody(status, body) => return refused(&uri, status, &body),
            S3Error::Reqwest(error) => broken(&uri)(error),
            // Mostly answers that are not what they should be; the texts hold no keys.
            S3Error::SerdeXml(_) | S3Error::HttpFail | S3Error::Utf8(_) | S3Error::FromUtf8(_) => {
                StorageError::unavailable(&uri, format!("its answer cannot be read: {error}"))
            }
            other => StorageError::Refused {
                reason: other.to_string(),
                uri,
            },
        };
        error.into()
    }
}

/// An error of the connection. Its URL is signed and stays secret.
pub(super) fn broken(uri: &ObjectUri) -> impl FnOnce(reqwest::Error) -> StorageError {
    let uri = uri.clone();
    move |error| {
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            reason = format!("{reason}: {deeper}");
            cause = deeper.source();
        }
        StorageError::unavailable(&uri, reason)
    }
}

/// An error while a file was being sent, which may be the file's.
pub(super) fn of_body(from: &Source, to: &ObjectUri, error: reqwest::Error) -> StorageError {
    let mut cause = error.source();
    while let Some(deeper) = cause {
        // A file that became shorter. Errors of sockets are of another kind.
        if let Some(error) = deeper.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::UnexpectedEof
            && from.is_shorter()
        {
            return from.failed(std::io::Error::other("it became shorter while it was sent"));
        }
        cause = deeper.source();
    }
    broken(to)(error)
}

/// The text of an error, cut off if it is long.
pub(super) async fn beginning(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = answer.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() >= LONGEST {
            body.truncate(LONGEST);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// A status that is no success. Of the body only the code and the message count: the
/// rest may repeat what was signed.
pub(super) fn refused(uri: &ObjectUri, status: u16, body: &str) -> Failure {
    let uri = uri.clone();
    let code = tag(body, "Code").unwrap_or_default();
    // The answer to a HEAD has no body, whatever it is about.
    let is_about_keys =
        matches!(status, 400 | 401 | 403) && (code.is_empty() || ABOUT_KEYS.contains(&code));
    // The words of AWS are "Content-MD5 OR x-amz-checksum- HTTP header is required ..".
    let is_about_digest = status == 400
        && !matches!(code, "BadDigest" | "InvalidDigest")
        && (code == "MissingContentMD5"
            || tag(body, "Message")
                .is_some_and(|text| text.to_ascii_lowercase().contains("content-md5")));
    let reason = match (code, tag(body, "Message")) {
        ("", _) => format!("HTTP {status}"),
        (code, None) => format!("HTTP {status}, {code}"),
        (code, Some(message)) => {
            let message: String = message.chars().take(200).collect();
            format!("HTTP {status}, {code}: {message}")
        }
    };
    let error = match (status, code) {
        (404, _) => StorageError::NotFound { uri },
        (412 | 416, _) => StorageError::Changed { uri },
        // Uploads in parts are answered with 200 before it is known how they end.
        (400, "RequestTimeout" | "IncompleteBody" | "BadDigest")
        | (200..=299 | 408 | 409 | 425 | 429 | 500..=599, _) => {
            StorageError::Unavailable { uri, reason }
        }
        (401 | 403, _)
        | (400, "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed") => {
            StorageError::Denied { uri, reason }
        }
        _ => StorageError::Refused { uri, reason },
    };
    Failure {
        error,
        is_about_keys,
        is_about_digest,
    }
}

/// The text of the first such element.
pub(super) fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_to_do_next() {
        let uri = ObjectUri::new("b", "k");
        let error = |status, code: &str| {
            let body =
                format!("<Error><Code>{code}</Code><StringToSign>s3cr3t</StringToSign></Error>");
            let error = refused(&uri, status, &body).error;
            assert!(!format!("{error} {error:?}").contains("s3cr3t"));
            error
        };
        for (status, code) in [
            (503, "SlowDown"),
            (500, ""),
            (429, ""),
            (400, "RequestTimeout"),
            (400, "BadDigest"),
            (200, "InternalError"),
        ] {
            assert!(error(status, code).is_retryable(), "{status} {code}");
        }
        for (status, code) in [
            (400, "InvalidArgument"),
            (405, ""),
            (301, "PermanentRedirect"),
        ] {
            assert!(
                matches!(error(status, code), StorageError::Refused { .. }),
                "{status}"
            );
        }
        assert!(matches!(
            error(404, "NoSuchKey"),
            StorageError::NotFound { .. }
        ));
        assert!(matches!(error(412, ""), StorageError::Changed { .. }));
        let denied = error(403, "AccessDenied");
        assert_eq!(
            denied.to_string(),
            "access to s3://b/k is denied: HTTP 403, AccessDenied"
        );
    }

    #[test]
    fn only_some_refusals_are_about_keys() {
        let uri = ObjectUri::new("b", "k");
        let is_about_keys = |status, code: &str| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            refused(&uri, status, &body).is_about_keys
        };
        for (status, code) in [
            (400, "ExpiredToken"),
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (403, ""),
        ] {
            assert!(is_about_keys(status, code), "{status} {code}");
        }
        for (status, code) in [(403, "AccessDenied"), (404, ""), (400, "InvalidArgument")] {
            assert!(!is_about_keys(status, code), "{status} {code}");
        }
    }
}
