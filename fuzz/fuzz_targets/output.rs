//! What a program prints: any bytes, cut anywhere, are read without a panic, and no line
//! is longer than allowed.
#![no_main]

use axon_worker::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (cut, longest, output) = (usize::from(input.0), usize::from(input.1) + 1, input.2);
    let (_, seen) = fuzzing::read_output(output, cut, longest);
    assert!(seen <= longest);
    // The cuts do not matter where no line is too long.
    let all = output.len() + 1;
    let (whole, _) = fuzzing::read_output(output, all, all);
    let (cut, _) = fuzzing::read_output(output, cut, all);
    assert_eq!(whole, cut);
});
