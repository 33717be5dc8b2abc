//! How programs end: called off, out of time, left behind, and with their worker.

use super::support::*;
use axon_worker::dev::{JobHandle, JobState};

fn tasks(grace: &str) -> String {
    format!(
        "[tasks.once]\ncommand = [PUPPET]\ngrace = {grace}\n\
         [tasks.brief]\ncommand = [PUPPET]\ngrace = {grace}\ntimeout = 0.5\n\
         [tasks.pool]\ncommand = [PUPPET, \"pool\"]\nmode = \"pool\"\ngrace = {grace}\n"
    )
}

#[actix_rt::test]
async fn a_task_called_off_ends_its_process() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&tasks("30")).await;
    for task in ["once", "pool"] {
        let tell = stage.path(task);
        let job = stage
            .submit(task, json!({"do": "sleep", "tell": tell}))
            .await;
        let pids = pids(&tell).await;
        job.cancel().await;
        gone(&pids).await;
        assert_eq!(end_of(&job).await.state, JobState::Cancelled);
    }
    assert_eq!(
        stage.data("pool", json!({"do": "count"})).await["served"],
        1
    );
}

#[actix_rt::test]
async fn who_ignores_sigterm_is_killed_with_all_it_started() {
    let stage = Stage::new().await;
    let worker = stage.worker(&tasks("0.3")).await;
    for task in ["once", "pool"] {
        let tell = stage.path(task);
        let job = stage
            .submit(task, json!({"do": "stubborn", "tell": tell}))
            .await;
        let pids = pids(&tell).await;
        assert_eq!(pids.len(), 2);
        job.cancel().await;
        gone(&pids).await;
        assert_eq!(end_of(&job).await.state, JobState::Cancelled);
    }
    worker.has_no_processes().await;
}

#[actix_rt::test]
async fn a_slot_stays_taken_until_the_last_process_is_gone() {
    let stage = Stage::new().await;
    let tasks = format!("[intake]\nmax_concurrent_tasks = 1\n{}", tasks("1.5"));
    let variables = [("AXON_CANCEL_GRACE", "0")];
    let _worker = stage.worker_with(&tasks, &variables).await;
    let tell = stage.path("stubborn");
    let job = stage
        .submit("once", json!({"do": "stubborn", "tell": tell}))
        .await;
    let pids = pids(&tell).await;
    job.cancel().await;
    // Reported at once, but the next task has no slot before they are gone.
    let data = stage.data("once", json!({"do": "surroundings"})).await;
    assert!(data["folder"].is_string());
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "two at once");
}

#[actix_rt::test]
async fn a_task_out_of_time_is_ended() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&tasks("0.3")).await;
    let tell = stage.path("stubborn");
    let job = stage
        .submit("brief", json!({"do": "stubborn", "tell": tell}))
        .await;
    let report = end_of(&job).await;
    assert_eq!(error_of(&report).0, "TIMEOUT_ERROR");
    if let Ok(text) = std::fs::read(&tell) {
        let pids: Vec<u64> = serde_json::from_slice(&text).unwrap();
        gone(&pids).await;
    }
}

#[actix_rt::test]
async fn what_a_program_leaves_behind_delays_nothing_and_is_ended() {
    let stage = Stage::new().await;
    let worker = stage.worker(&tasks("30")).await;
    let tell = stage.path("orphan");
    let data = stage
        .data("once", json!({"do": "orphan", "tell": tell}))
        .await;
    assert_eq!(data, json!({"left": true}));
    let left = told(&tell).await[0].as_u64().unwrap();
    gone(&[left]).await;
    worker.has_no_processes().await;
}

#[actix_rt::test]
async fn a_folder_in_which_a_program_locked_itself_out_is_removed() {
    let stage = Stage::new().await;
    let bound_by_permissions = "dac_override dac_read_search fowner";
    let worker = stage
        .worker_without(bound_by_permissions, &tasks("10"))
        .await;
    let outside = stage.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "").unwrap();
    let params = json!({"do": "lock_up", "outside": outside});
    let data = stage.data("once", params).await;
    let folder = std::path::PathBuf::from(data["folder"].as_str().unwrap());
    eventually("the folder is gone", || (!folder.exists()).then_some(())).await;
    assert!(outside.join("file").exists());
    assert!(!worker.log().contains("not removed"));
}

#[actix_rt::test]
async fn an_answer_counts_though_the_program_does_not_end() {
    let stage = Stage::new().await;
    let worker = stage.worker(&tasks("0.2")).await;
    let tell = stage.path("linger");
    stage
        .data("once", json!({"do": "linger", "tell": tell}))
        .await;
    let pid = told(&tell).await[0].as_u64().unwrap();
    gone(&[pid]).await;
    assert!(worker.log().contains("answered, and then did not end"));
}

#[actix_rt::test]
async fn a_worker_told_to_end_lets_tasks_finish_and_leaves_no_process() {
    let stage = Stage::new().await;
    let mut worker = stage.worker(&tasks("10")).await;
    let idle = stage.data("pool", json!({"do": "count"})).await["pid"]
        .as_u64()
        .unwrap();
    let (said, until) = (stage.path("said"), stage.path("until"));
    let params = json!({"do": "progress", "tell": said, "until": until});
    let job = stage.submit("once", params).await;
    told(&said).await;
    worker.signal("TERM");
    worker.says("told to end").await;
    std::fs::write(until, "").unwrap();
    assert_eq!(end_of(&job).await.state, JobState::Finished);
    let exit = worker.exit().await;
    assert_eq!(exit.code(), Some(0), "{}", worker.log());
    assert!(!is_alive(idle), "the pool is gone before its worker");
}

#[actix_rt::test]
async fn a_worker_that_waits_no_longer_ends_programs_which_may_still_answer() {
    let stage = Stage::new().await;
    let variables = [("WORKER_SHUTDOWN_TIMEOUT", "0.2")];
    let mut worker = stage.worker_with(&tasks("20"), &variables).await;
    let (a, b) = (stage.path("a"), stage.path("b"));
    let saves = stage
        .submit("once", json!({"do": "last_words", "tell": a}))
        .await;
    let sleeps = stage
        .submit("once", json!({"do": "sleep", "tell": b}))
        .await;
    let all = [pids(&a).await, pids(&b).await].concat();
    worker.signal("TERM");
    assert_eq!(end_of(&saves).await.data, json!({"saved": true}));
    let (code, message) = error_of(&end_of(&sleeps).await);
    assert_eq!(code, "TRANSIENT_ERROR");
    assert!(message.contains("shut down"), "{message}");
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.log());
    assert!(!all.iter().any(|pid| is_alive(*pid)));
}

/// Tasks of both kinds that run, and their processes.
async fn sleeping(stage: &Stage) -> (Vec<JobHandle>, Vec<u64>) {
    let (mut jobs, mut all) = (Vec::new(), Vec::new());
    for task in ["once", "pool"] {
        let tell = stage.path(&format!("sleeping-{task}"));
        let params = json!({"do": "sleep", "tell": tell});
        jobs.push(stage.submit(task, params).await);
        all.extend(pids(&tell).await);
    }
    (jobs, all)
}

/// All of them are interrupted.
async fn are_interrupted(jobs: &[JobHandle]) {
    for job in jobs {
        let (code, message) = error_of(&end_of(job).await);
        assert_eq!(code, "TRANSIENT_ERROR");
        assert_eq!(message, "interrupted: the worker was shut down");
    }
}

#[actix_rt::test]
async fn programs_that_are_told_to_end_after_their_worker_are_interrupted() {
    let stage = Stage::new().await;
    let mut worker = stage.worker(&tasks("20")).await;
    let (jobs, pids) = sleeping(&stage).await;
    worker.signal("TERM");
    worker.says("told to end").await;
    signal(&pids, "TERM");
    are_interrupted(&jobs).await;
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.log());
}

#[actix_rt::test]
async fn programs_that_are_told_to_end_before_their_worker_are_interrupted() {
    let stage = Stage::new().await;
    let mut worker = stage.worker(&tasks("20")).await;
    let (jobs, pids) = sleeping(&stage).await;
    // As a service manager does that signals all processes of a control group in turn.
    signal(&[pids.as_slice(), &[worker.pid()]].concat(), "TERM");
    are_interrupted(&jobs).await;
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.log());
}

#[actix_rt::test]
async fn a_program_that_is_told_to_end_while_the_worker_goes_on_fails() {
    let stage = Stage::new().await;
    let _worker = stage.worker(&tasks("20")).await;
    let (jobs, pids) = sleeping(&stage).await;
    signal(&pids, "TERM");
    for job in &jobs {
        let (code, message) = error_of(&end_of(job).await);
        assert_eq!(code, "TRANSIENT_ERROR");
        assert!(message.contains("signal 15"), "{message}");
    }
}

#[actix_rt::test]
async fn a_worker_that_is_killed_takes_its_programs_along() {
    let stage = Stage::new().await;
    let mut worker = stage.worker(&tasks("30")).await;
    let (a, b) = (stage.path("a"), stage.path("b"));
    let _once = stage
        .submit("once", json!({"do": "sleep", "tell": a}))
        .await;
    let _pool = stage
        .submit("pool", json!({"do": "sleep", "tell": b}))
        .await;
    let all = [pids(&a).await, pids(&b).await].concat();
    worker.signal("KILL");
    assert_eq!(worker.exit().await.code(), None);
    gone(&all).await;
}
