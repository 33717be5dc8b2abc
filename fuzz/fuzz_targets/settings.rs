//! Environment variables with any content: settings or problems, never a panic,
//! and never a secret in a problem.
#![no_main]

use axon_worker::config::{Settings, VARIABLES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let variable = &VARIABLES[usize::from(input.0) % VARIABLES.len()];
    let vars = [(variable.name.to_owned(), input.1.to_owned())];
    if let Err(error) = Settings::from_vars(vars) {
        assert!(!error.problems().is_empty());
    }
});
