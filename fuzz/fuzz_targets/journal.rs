//! Reading a segment of a journal, whatever is in the file.

#![no_main]

use axon_worker::fuzzing::records_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|segment: &[u8]| {
    let records = records_of(segment);
    // Each has a length, a checksum, a kind and two texts.
    assert!(records * 17 <= segment.len());
});
