//! Doors for the fuzz targets, which are not part of the API.

use bytes::Bytes;

use crate::{OrchestratorId, Task};

/// Reads the answer to a poll.
#[must_use]
pub fn read_task(body: &Bytes) -> Option<Task> {
    crate::transport::rxon::read_task(OrchestratorId(0), body)
}

/// Reads the same bytes as every other answer.
pub fn read_answers(body: &Bytes) {
    crate::transport::rxon::read_answers(body);
}

/// Reads a message of a `DistWorker` controller.
#[cfg(feature = "distworker")]
#[must_use]
pub fn read_envelope(message: &Bytes) -> Option<Task> {
    crate::transport::distworker::read_task(OrchestratorId(0), message)
}

/// Reads the beginning of a proxy's answer to `CONNECT`: its status and the length of its
/// head. `Ok(None)`: more bytes are needed.
///
/// # Errors
/// When it is no answer.
pub fn read_proxy_answer(bytes: &[u8]) -> Result<Option<(u16, usize)>, &'static str> {
    let head = crate::net::read_head(bytes).map_err(|_| "not HTTP")?;
    Ok(head.map(|head| (head.status, head.length)))
}

/// Whether a list such as `NO_PROXY` has a host.
#[must_use]
pub fn no_proxy_has(list: &str, host: &str, port: u16) -> bool {
    crate::net::no_proxy_matches(list, host, port)
}

/// Finds the objects that parameters name; the local names that they get. `None`: the
/// parameters are refused.
#[must_use]
pub fn local_names(params: &crate::RawJson, metadata: &crate::RawJson) -> Option<Vec<String>> {
    let plan = crate::storage::plan_of(params, Some(metadata)).ok()?;
    Some(plan.names().map(str::to_owned).collect())
}

/// Reads what a program prints, in pieces of at most `cut` bytes; how many messages of a
/// task there are, and the longest line.
#[cfg(feature = "programs")]
#[must_use]
pub fn read_output(output: &[u8], cut: usize, longest: usize) -> (usize, usize) {
    use crate::programs::protocol::{Line, Lines, Read, document, read};

    let mut lines = Lines::new(longest);
    let (mut messages, mut seen) = (0, 0);
    let mut take = |line: Line| {
        if let Line::Text(text) = line {
            seen = seen.max(text.len());
            messages += usize::from(matches!(read(&text, "task"), Read::Message(_)));
        }
    };
    for piece in output.chunks(cut.max(1)) {
        lines.room().extend_from_slice(piece);
        while let Some(line) = lines.take() {
            take(line);
        }
    }
    lines.take_rest().into_iter().for_each(take);
    let _ = document(output, "task");
    (messages, seen)
}

/// Reads a segment of a journal; how many records of tasks it has.
#[cfg(feature = "journal")]
#[must_use]
pub fn records_of(segment: &[u8]) -> usize {
    crate::storage::journal::records_of(segment)
}
