//! Where the built examples are.

use std::path::PathBuf;
use std::process::Command;

/// The program of an example. Cargo builds examples beside the tests, but not when
/// test files are asked for by name; then it is built here.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/test");
    let program = profile.join("examples").join(name);
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("cargo starts");
        assert!(built.success(), "the example {name} does not build");
    }
    program
}
