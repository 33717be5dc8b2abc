//! Messages of a `DistWorker` controller. Whatever they are, reading them ends, and what
//! was read as input is a JSON object.
#![no_main]

use axon_worker::fuzzing;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(task) = fuzzing::read_envelope(&Bytes::copy_from_slice(data)) {
        assert!(!task.id.as_str().is_empty());
        assert!(task.params.parse::<serde_json::Map<String, serde_json::Value>>().is_ok());
    }
});
