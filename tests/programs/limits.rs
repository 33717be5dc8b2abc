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
async fn addresses_that_are_only_reserved_are_no_memory() {
    let stage = Stage::new().await;
    let _worker = stage.worker(TASKS).await;
    let params = json!({"do": "reserve", "bytes": 16_u64 << 30});
    assert_eq!(stage.data("tight", params).await["size"], 16_u64 << 30);
}

#[actix_rt::test]
async fn node_starts_with_a_limit_of_memory_and_gets_no_more_than_that() {
    let node = std::process::Command::new("node").arg("--version").output();
    assert!(node.is_ok(), "this test needs node: {node:?}");
    let stage = Stage::new().await;
    let script = stage.path("memory.js");
    let text = "const { bytes } = JSON.parse(require('fs').readFileSync(0));
        const block = Buffer.alloc(bytes, 1);
        console.log(JSON.stringify({ result: { size: block.length } }));";
    std::fs::write(&script, text).unwrap();
    let task = format!(
        "[tasks.node]\ncommand = [\"node\", {script:?}]\nlimits = {{ memory = \"512 MiB\" }}"
    );
    let _worker = stage.worker(&task).await;
    let little = json!({"bytes": 64 << 20});
    assert_eq!(stage.data("node", little).await["size"], 64 << 20);
    let (code, message) = stage.error("node", json!({"bytes": 1_u64 << 30})).await;
    assert_eq!(code, "RESOURCE_EXHAUSTED_ERROR", "{message}");
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
