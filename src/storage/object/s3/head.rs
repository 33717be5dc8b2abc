//! The head of an answer: how large the object is, which part of it comes.

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use reqwest::{Response, StatusCode};

use crate::storage::object::{ObjectInfo, ObjectUri, Sink, StorageError, etag};

pub(super) fn etag_of(answer: &Response) -> Option<String> {
    let value = answer.headers().get(ETAG)?.to_str().ok()?;
    Some(etag::read(value))
}

impl Sink {
    /// Reads the head of an answer; returns how many bytes of its body we have already.
    pub(super) fn begin_with(
        &mut self,
        uri: &ObjectUri,
        answer: &Response,
    ) -> Result<u64, StorageError> {
        let odd = |reason: &str| StorageError::unavailable(uri, reason);
        let offset = self.offset();
        let header = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let (size, skip) = if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = header(CONTENT_RANGE).and_then(read_range);
            let (from, size) = range.ok_or_else(|| odd("it sent a part without saying which"))?;
            if from != offset {
                return Err(odd("it sent another part than the one asked for"));
            }
            (size, 0)
        } else {
            let size = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
            (
                size.ok_or_else(|| odd("it did not say how large the object is"))?,
                offset,
            )
        };
        let etag = etag_of(answer);
        self.begin(ObjectInfo { size, etag })?;
        Ok(skip)
    }
}

/// The first byte and the size of the whole, from `bytes 5-9/10`.
fn read_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.parse().ok()?, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_answers_are_read() {
        assert_eq!(read_range("bytes 5-9/10"), Some((5, 10)));
        for odd in ["bytes */10", "bytes 5-9/*", "5-9/10", "bytes 5/10", ""] {
            assert_eq!(read_range(odd), None, "{odd}");
        }
    }
}
