//! Limits that the system keeps.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::support::*;

const TASKS: &str = r#"
[tasks.tight]
command = [PUPPET]
limits = { memory = "256 MiB", cpu_seconds = 1, open_files = 32 }
[tasks.free]
command = [PUPPET]
"#;

#[actix_rt::test]
async fn a_program_gets_no_more_than_its_limits() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    assert_eq!(
        stage.data("tight", json!({"do": "files"})).await["most"],
        32
    );

    let (code, message) = stage.error("tight", json!({"do": "spin"})).await;
    assert_eq!(code, "RESOURCE_EXHAUSTED_ERROR", "{message}");
    assert!(message.contains("SIGXCPU"), "{message}");

    let much = json!({"do": "memory", "bytes": 512 << 20});
    let (code, message) = stage.error("tight", much.clone()).await;
    assert_eq!(code, "RESOURCE_EXHAUSTED_ERROR", "{message}");
    assert!(message.contains("MemoryError"), "{message}");
    assert_eq!(stage.data("free", much).await["size"], 512 << 20);
}

#[actix_rt::test]
async fn a_program_has_the_limit_of_open_files_that_the_worker_was_started_with() {
    // The worker of this test is started with it, and raises its own.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(777);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    let files = stage.data("free", json!({"do": "files"})).await;
    assert_eq!(files["most"], 777);
}
