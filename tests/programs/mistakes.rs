//! Files that are not right: all of it is told before anything starts.

use super::support::*;

/// Exit code and stderr of a worker with this file.
fn refused(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    std::fs::write(&file, text).unwrap();
    let output = command(&file).output().expect("it runs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_command_that_is_not_there_is_told_at_the_start() {
    let (code, text) = refused("[tasks.a]\ncommand = [\"no-such-program-here\"]");
    assert_eq!(code, Some(2));
    let told = "axon-worker: command \"no-such-program-here\" of task a: not found\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn wrong_keys_and_values_are_told_together() {
    let (code, text) = refused(
        "worker_prot = 1\n[tasks.a]\ncommand = [\"true\"]\nmode = \"never\"\n[tasks.b]\ngrace = -1",
    );
    assert_eq!(code, Some(2));
    for place in [
        "worker_prot ",
        "tasks.a.mode ",
        "tasks.b.command ",
        "tasks.b.grace ",
    ] {
        assert!(
            text.contains(&format!("axon-worker: {place}")),
            "{place}: {text}"
        );
    }
}

#[test]
fn a_file_without_tasks_or_no_file_is_a_mistake() {
    let (code, text) = refused("");
    assert_eq!(code, Some(2));
    assert!(text.contains("no task is registered"), "{text}");
    let output = command("/nowhere/worker.toml".as_ref())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_dry_run_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    let task =
        "[tasks.a]\ncommand = [\"touch\", \"{here}/started\"]\nmode = \"pool\"\nahead = true";
    std::fs::write(&file, task).unwrap();
    let status = command(&file).arg("--dry-run").status().expect("it runs");
    assert_eq!(status.code(), Some(0));
    assert!(!folder.path().join("started").exists());
}
