//! Answers of an orchestrator: a task, a heartbeat, a result. Whatever they are,
//! reading them ends, and what was read as parameters is JSON.
#![no_main]

use axon_worker::fuzzing;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    if let Some(task) = fuzzing::read_task(&body) {
        task.params.parse::<serde_json::Value>().map(drop).ok();
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(task.params.as_str()).is_ok());
    }
    fuzzing::read_answers(&body);
});
