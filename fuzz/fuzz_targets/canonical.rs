//! Messages of any kind: their canonical form is JSON, and its own canonical form.
#![no_main]

use axon_worker::transport::rxon::security::{CanonicalProblem, SigningKey, canonical, verify_task};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let read = serde_json::from_slice::<Value>(data);
    match canonical(data, &["sig"]) {
        Ok(form) => {
            assert!(read.is_ok());
            assert!(serde_json::from_slice::<Value>(&form).is_ok());
            assert_eq!(canonical(&form, &["sig"]).unwrap(), form);
        }
        Err(error) if matches!(error.problem(), CanonicalProblem::NotJson(_)) => {
            assert!(read.is_err());
        }
        Err(_) => {}
    }
    let key = SigningKey::new("k").unwrap();
    assert!(verify_task(data, &key).is_err());
});
