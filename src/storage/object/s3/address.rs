//! Where objects are: the endpoint, and names that mean what they say.

use crate::storage::object::{ObjectUri, StorageError};

/// Without a slash at its end and without the scheme's usual port, which the library
/// signs but does not send.
pub(super) fn plain_endpoint(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let port = if url.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    url.strip_suffix(port).unwrap_or(url).to_owned()
}

pub(super) fn check_bucket(uri: &ObjectUri) -> Result<(), StorageError> {
    let name = uri.bucket();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(StorageError::UnsafeKey {
            uri: uri.clone(),
            reason: "its bucket is no name of a bucket",
        });
    }
    Ok(())
}

/// The name of a bucket as a part of a host, whose letters have no case.
pub(super) fn check_host(uri: &ObjectUri) -> Result<(), StorageError> {
    let is_label = |label: &str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let has_ends = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty() && label.len() <= 63 && has_ends && label.chars().all(is_plain)
    };
    if uri.bucket().split('.').all(is_label) {
        return Ok(());
    }
    Err(StorageError::UnsafeKey {
        uri: uri.clone(),
        reason: "its bucket cannot be a part of a host name (S3_ADDRESSING)",
    })
}

/// The library would silently take some keys for others.
pub(super) fn check_key(uri: &ObjectUri) -> Result<(), StorageError> {
    let key = uri.key();
    let reason = if key.is_empty() {
        "it is empty"
    } else if key.starts_with('/') {
        "it begins with a slash"
    } else if key.split('/').any(|part| matches!(part, "." | "..")) {
        "it has a part . or .."
    } else if key.contains('\0') {
        "it contains a NUL"
    } else if key.len() > 1024 {
        "it is longer than 1024 bytes"
    } else {
        return Ok(());
    };
    Err(StorageError::UnsafeKey {
        uri: uri.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_ports_and_slashes_are_left_out() {
        for (given, used) in [
            ("http://s3:80/", "http://s3"),
            ("https://s3:443", "https://s3"),
            ("http://s3:443", "http://s3:443"),
            ("http://s3:8080", "http://s3:8080"),
        ] {
            assert_eq!(plain_endpoint(given), used);
        }
    }

    #[test]
    fn buckets_of_hosts_have_names_of_hosts() {
        for (bucket, is_good) in [
            ("in-bucket", true),
            ("a.b", true),
            ("Bucket", false),
            ("a_b", false),
            ("a..b", false),
            ("-a", false),
        ] {
            let checked = check_host(&ObjectUri::new(bucket, "k"));
            assert_eq!(checked.is_ok(), is_good, "{bucket}");
        }
    }

    #[test]
    fn keys_that_would_become_others_are_refused() {
        for key in [
            "",
            "/a",
            "./a",
            "a/../b",
            "..",
            "a/.",
            "a\0",
            &"x".repeat(1025),
        ] {
            assert!(check_key(&ObjectUri::new("b", key)).is_err(), "{key:?}");
        }
        for key in ["a//b", "a/", "...", ".a", "a b", "%2e%2e/x", "a\nb", "ü"] {
            assert!(check_key(&ObjectUri::new("b", key)).is_ok(), "{key:?}");
        }
        for bucket in ["", "..", "a/b", "u@b", "b:1", "b?x", "ü"] {
            assert!(
                check_bucket(&ObjectUri::new(bucket, "k")).is_err(),
                "{bucket}"
            );
        }
    }
}
