//! Where the built examples are.

use std::path::PathBuf;

/// The program of an example. Cargo builds examples beside the tests, but not when
/// a single test file is asked for.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/test");
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "run `cargo build --examples` first: {} is not there",
        program.display()
    );
    program
}
