//! Processes that stay.

use super::support::*;
use axon_worker::dev::JobState;

fn pool(more: &str) -> String {
    format!("[tasks.pool]\ncommand = [PUPPET, \"pool\"]\nmode = \"pool\"\n{more}")
}

#[actix_rt::test]
async fn a_process_keeps_its_state_from_task_to_task() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("processes = 1")).await;
    let first = stage.data("pool", json!({"do": "count"})).await;
    assert_eq!(first["served"], 1);
    for served in 2..5 {
        let next = stage.data("pool", json!({"do": "count"})).await;
        assert_eq!(
            (&next["served"], &next["pid"]),
            (&json!(served), &first["pid"])
        );
    }
}

#[actix_rt::test]
async fn as_many_tasks_run_at_once_as_there_are_processes() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("processes = 2\nahead = true")).await;
    let mut jobs = Vec::new();
    let until = stage.path("until");
    for n in 0..3 {
        let tell = stage.path(&format!("said-{n}"));
        let params = json!({"do": "progress", "tell": tell, "until": until});
        jobs.push(stage.submit("pool", params).await);
    }
    told(&stage.path("said-0")).await;
    told(&stage.path("said-1")).await;
    assert!(!stage.path("said-2").exists());
    std::fs::write(&until, "").unwrap();
    let mut pids = Vec::new();
    for job in &jobs {
        pids.push(end_of(job).await.data["pid"].as_u64());
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 2, "the third task had one of the two processes");
}

#[actix_rt::test]
async fn a_task_that_waits_for_a_process_is_called_off_at_once() {
    let stage = Stage::new().await;
    // More tasks than processes, as the type has room for two.
    let table = pool("type = \"wide\"");
    let _worker = stage.worker(&table).await;
    let (tell, until) = (stage.path("said"), stage.path("until"));
    let params = json!({"do": "progress", "tell": tell, "until": until});
    let first = stage.submit("pool", params).await;
    told(&tell).await;
    let second = stage.submit("pool", json!({"do": "count"})).await;
    let id = second.id().clone();
    let handed_out = stage.orchestrator.wait_until(|view| {
        let job = view.job(&id);
        job.is_some_and(|job| job.history[0].handed_out_at.is_some())
    });
    handed_out.await;
    second.cancel().await;
    assert_eq!(end_of(&second).await.state, JobState::Cancelled);
    std::fs::write(&until, "").unwrap();
    assert!(end_of(&first).await.is_success());
    let next = stage.data("pool", json!({"do": "count"})).await;
    assert_eq!(
        next["served"], 2,
        "the same process, which never saw the second task"
    );
}

#[actix_rt::test]
async fn a_process_is_replaced_after_its_last_task() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("max_tasks = 2")).await;
    let mut pids = Vec::new();
    for served in [1, 2, 1, 2] {
        let data = stage.data("pool", json!({"do": "count"})).await;
        assert_eq!(data["served"], served);
        pids.push(data["pid"].as_u64().unwrap());
    }
    assert!(
        pids[0] == pids[1] && pids[1] != pids[2] && pids[2] == pids[3],
        "{pids:?}"
    );
    gone(&pids[..2]).await;
}

#[actix_rt::test]
async fn a_process_that_is_not_needed_any_more_sees_the_end_of_its_stdin() {
    let stage = Stage::new().await;
    let ended = stage.path("ended");
    let table = pool("max_tasks = 2\ngrace = 60");
    let table = table.replace(
        "\"pool\"]",
        &format!("\"pool\", {:?}]", ended.display().to_string()),
    );
    let mut worker = stage.worker(&table).await;
    let mut pids = Vec::new();
    for _ in 0..3 {
        let data = stage.data("pool", json!({"do": "count"})).await;
        pids.push(data["pid"].as_u64().unwrap());
    }
    worker.signal("TERM");
    assert_eq!(worker.exit().await.code(), Some(0));
    // The first one after its second task, the other one with the worker.
    let text = std::fs::read_to_string(ended).unwrap();
    assert_eq!(text, format!("{}\n{}\n", pids[0], pids[2]));
}

#[actix_rt::test]
async fn a_crash_is_the_failure_of_its_task_and_the_next_one_gets_a_new_process() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("processes = 1")).await;
    let before = stage.data("pool", json!({"do": "count"})).await;
    for (params, expected, text) in [
        (
            json!({"do": "crash", "signal": "SIGABRT"}),
            "TRANSIENT_ERROR",
            "signal 6",
        ),
        (
            json!({"do": "leave", "code": 0, "text": "gone"}),
            "TRANSIENT_ERROR",
            "exit code 0",
        ),
        (
            json!({"do": "crash", "signal": "SIGKILL"}),
            "RESOURCE_EXHAUSTED_ERROR",
            "SIGKILL",
        ),
        (
            json!({"do": "nothing_of_this_name"}),
            "TRANSIENT_ERROR",
            "KeyError",
        ),
    ] {
        let (code, message) = stage.error("pool", params).await;
        assert_eq!(code, expected, "{message}");
        assert!(message.contains(text), "{message}");
    }
    let after = stage.data("pool", json!({"do": "count"})).await;
    assert_eq!(after["served"], 1);
    assert_ne!(after["pid"], before["pid"]);
}

#[actix_rt::test]
async fn a_task_that_its_process_did_not_read_before_it_ended_goes_to_the_next_one() {
    let stage = Stage::new().await;
    let worker = stage.worker(&pool("processes = 1")).await;
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let data = stage.data("pool", json!({"do": "last"})).await;
        pids.insert(data["pid"].as_u64().unwrap());
    }
    assert_eq!(pids.len(), 10, "each process answers once");
    worker.says("ended before it read its task").await;
}

#[actix_rt::test]
async fn a_task_whose_processes_never_read_it_fails_with_what_they_say() {
    let stage = Stage::new().await;
    let started = stage.path("started");
    let script = format!(
        "echo >> {}; sleep 0.3; echo broken >&2; exit 3",
        started.display()
    );
    let task = format!("[tasks.pool]\nmode = \"pool\"\ncommand = [\"sh\", \"-c\", {script:?}]");
    let _worker = stage.worker(&task).await;
    let (code, message) = stage.error("pool", json!({})).await;
    assert_eq!(code, "TRANSIENT_ERROR");
    assert!(
        message.contains("exit code 3") && message.contains("broken"),
        "{message}"
    );
    let starts = std::fs::read_to_string(&started).unwrap().len();
    assert_eq!(starts, 3);
}

#[actix_rt::test]
async fn a_process_that_goes_on_after_its_answer_answers_no_other_task() {
    let stage = Stage::new().await;
    let worker = stage.worker(&pool("processes = 1")).await;
    for _ in 0..5 {
        let data = stage.data("pool", json!({"do": "twice"})).await;
        assert_eq!(data["n"], 1);
        let data = stage.data("pool", json!({"do": "count"})).await;
        assert_eq!(data["served"], 1, "another process");
    }
    worker.says("it went on after its answer").await;
}

#[actix_rt::test]
async fn an_answer_for_another_task_is_none() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("processes = 1")).await;
    let params = json!({"do": "raw", "bytes": "{\"task_id\":\"other\",\"result\":1}\n"});
    let (code, message) = stage.error("pool", params).await;
    assert_eq!(code, "PERMANENT_ERROR");
    assert!(message.contains("that of another task"), "{message}");
}

#[actix_rt::test]
async fn a_process_without_a_voice_is_replaced() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&pool("processes = 1\ngrace = 0.2")).await;
    let (code, message) = stage.error("pool", json!({"do": "deaf"})).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("TRANSIENT_ERROR", "the program closed its stdout")
    );
    assert_eq!(
        stage.data("pool", json!({"do": "count"})).await["served"],
        1
    );
}

#[actix_rt::test]
async fn a_program_that_dies_at_once_is_not_started_all_the_time() {
    let stage = Stage::new().await;
    let started = stage.path("started");
    let script = format!("echo >> {}; exit 3", started.display());
    let task = format!(
        "[tasks.pool]\nmode = \"pool\"\nahead = true\ncommand = [\"sh\", \"-c\", {script:?}]\n\
         [tasks.once]\ncommand = [PUPPET]"
    );
    let worker = stage.worker(&task).await;
    worker.says("it ended without a task: exit code 3").await;
    // Meanwhile others work, and a task for it waits until it is called off.
    let job = stage.submit("pool", json!({})).await;
    let id = job.id().clone();
    stage
        .orchestrator
        .wait_until(|view| {
            view.job(&id)
                .is_some_and(|job| job.history[0].handed_out_at.is_some())
        })
        .await;
    stage
        .data("once", json!({"do": "result", "result": {}}))
        .await;
    let began = std::time::Instant::now();
    let lines = || std::fs::read_to_string(&started).unwrap().len();
    eventually("four starts", || (lines() >= 4).then_some(())).await;
    // 0.05 s, 0.1 s, 0.2 s at the least: never more than these.
    let most = 5 + began.elapsed().as_millis() / 100;
    assert!(lines() as u128 <= most, "{} starts", lines());
}
