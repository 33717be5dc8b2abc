//! Jobs described in JSON, for the development orchestrator.
#![no_main]

use axon_worker::dev::JobSpec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = serde_json::from_str::<JobSpec>(text);
});
