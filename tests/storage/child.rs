//! Tests that need variables of the environment: no program may change its own.

use std::ffi::OsStr;
use std::process::Command;

const MARK: &str = "STORAGE_TEST_CHILD";

/// Whether this is the process that was started for the test.
pub fn is_here() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs one test in a process of its own, with these variables, to its good end.
pub fn run(test: &str, vars: &[(&str, &OsStr)]) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .envs(vars.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{told}");
    assert!(told.contains("1 passed"), "there is no such test: {told}");
}
