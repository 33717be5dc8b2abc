//! `ETag`s, the storage's own marks of contents.
//!
//! A strong one stands for the bytes; it is kept without its quotes, as S3 programs do. A
//! weak one (`W/"x"`, as proxies that change the encoding make of a strong one) stands for
//! the meaning only, so it says nothing of parts, and no `If-Match` accepts it (RFC 9110,
//! 8.8.3). It is kept as it stands.

/// The text of a header or a listing, as [`ObjectInfo::etag`](super::ObjectInfo::etag) has it.
#[cfg(any(feature = "s3", test))]
pub(super) fn read(text: &str) -> String {
    match weak(text) {
        Some(opaque) => format!("W/\"{opaque}\""),
        None => opaque(text).to_owned(),
    }
}

/// The mark without quotes, weak or not: what is left to compare, as a proxy may have
/// weakened one of two.
pub(crate) fn opaque(etag: &str) -> &str {
    weak(etag).unwrap_or_else(|| etag.trim().trim_matches('"'))
}

/// The mark, if it stands for the bytes.
pub(super) fn strong(etag: &str) -> Option<&str> {
    weak(etag).is_none().then(|| opaque(etag))
}

fn weak(etag: &str) -> Option<&str> {
    let etag = etag.trim();
    let rest = etag
        .strip_prefix("W/")
        .or_else(|| etag.strip_prefix("w/"))?;
    Some(rest.strip_prefix('"')?.trim_end_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_marks_are_told_from_strong_ones() {
        for (text, kept, bare, is_strong) in [
            ("\"abc-2\"", "abc-2", "abc-2", true),
            ("abc", "abc", "abc", true),
            (" \"abc\" ", "abc", "abc", true),
            ("W/\"abc\"", "W/\"abc\"", "abc", false),
            ("w/\"abc\"", "W/\"abc\"", "abc", false),
            ("W/abc", "W/abc", "W/abc", true),
            ("", "", "", true),
        ] {
            assert_eq!(read(text), kept, "{text}");
            assert_eq!(read(&read(text)), kept, "{text}");
            assert_eq!(opaque(text), bare, "{text}");
            assert_eq!(strong(text).is_some(), is_strong, "{text}");
        }
    }
}
