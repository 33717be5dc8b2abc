//! Objects that parameters name: whatever the text is, looking for them ends, and every
//! local name stays in the task's folder and is nobody else's.
#![no_main]

use std::collections::HashSet;

use axon_worker::{RawJson, fuzzing};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let read = |text: &[u8]| RawJson::from_bytes(Bytes::copy_from_slice(text)).ok();
    let Some(params) = read(input.0) else { return };
    let metadata = read(input.1).unwrap_or_else(RawJson::empty_object);
    let Some(names) = fuzzing::local_names(&params, &metadata) else {
        return;
    };
    let mut seen = HashSet::new();
    for name in names {
        let parts: Vec<_> = name.split('/').collect();
        assert!(parts.len() <= 2, "{name:?}");
        assert!(!parts.iter().any(|part| matches!(*part, "" | "." | "..")));
        assert!(!name.contains('\0') && name.len() < 255, "{name:?}");
        assert!(seen.insert(name.to_lowercase()), "{name:?}");
    }
});
