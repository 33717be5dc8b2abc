//! Answers over HTTP: whatever comes in, cut anywhere, is read without a panic, to the
//! same end, and within the limit.
#![no_main]

use axon_worker::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (cut, limit, answer) = (usize::from(input.0), usize::from(input.1), input.2);
    let whole = fuzzing::read_http(answer, answer.len(), limit);
    assert_eq!(fuzzing::read_http(answer, cut, limit), whole);
    if let Some((status, body, _)) = whole {
        assert!(status >= 200 || status == 101, "{status}");
        assert!(body.len() <= limit.min(answer.len()));
    }
});
