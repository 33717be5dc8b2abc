//! What outlives the process: a worker is dropped without a drain, as a crash
//! would, and another one begins with the same journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::{JournalMode, Settings};
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    ErrorCode, Interruption, JobId, JournalError, OrchestratorId, Outcome, RawJson, TaskId,
    WorkerBuilder, WorkerHandle,
};

use crate::support::{Gate, SECOND, data, failure, start, worker};
use crate::until::until;

fn away() -> TransportError {
    TransportError::Unreachable {
        reason: "gone".into(),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn with_journal(builder: WorkerBuilder, dir: &Path) -> WorkerBuilder {
    let dir = dir.to_owned();
    builder.configure(move |settings| {
        settings.journal.mode = JournalMode::On;
        settings.journal.dir = Some(dir);
    })
}

/// As [`start`], where the clock is paused already.
async fn start_again(builder: WorkerBuilder) -> WorkerHandle {
    let worker = builder.build().expect("a worker");
    worker.spawn_local().await.expect("a started worker")
}

/// A life of a worker: ends like a crash when `body` does.
fn live<F, R>(
    orchestrator: &MemoryOrchestrator,
    gate: &Arc<Gate>,
    dir: &Path,
    body: impl FnOnce(WorkerHandle) -> F + Send + 'static,
) where
    F: Future<Output = R>,
{
    let (orchestrator, gate, dir) = (orchestrator.clone(), gate.clone(), dir.to_owned());
    let life = std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let handle = start(with_journal(worker(&orchestrator, &gate), &dir)).await;
            body(handle).await;
        });
    });
    life.join().expect("a life without panic");
}

fn submit_as(orchestrator: &MemoryOrchestrator, name: &str, task: &str, job: &str) -> TaskId {
    let (id, job) = (TaskId::from(task), JobId::from(job));
    orchestrator.submit_with(name, RawJson::empty_object(), |task| {
        task.id = id;
        task.job_id = job;
    })
}

/// The place of the first request of a kind after `from`.
fn first(calls: &[Call], from: usize, call: Call) -> usize {
    let after = calls[from..].iter().position(|made| *made == call);
    from + after.expect("such a call")
}

#[test]
fn results_of_a_killed_worker_go_out_before_the_first_poll_of_the_next() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    orchestrator.fail_next(Call::Deliver, &away(), 1000);
    let ids: Vec<_> = (0..3).map(|n| orchestrator.submit("echo", &n)).collect();
    let seen = orchestrator.clone();
    live(&orchestrator, &gate, dir.path(), async move |handle| {
        seen.called(Call::Deliver, 2).await;
        let done = || handle.status().totals.succeeded == 3;
        until("all have ended", done).await;
        assert_eq!(handle.status().unsent, 3);
    });
    orchestrator.clear_faults();
    let from = orchestrator.calls().len();
    let seen = orchestrator.clone();
    live(&orchestrator, &gate, dir.path(), async move |handle| {
        let results = seen.results(3).await;
        assert_eq!(results.len(), 3);
        for (n, id) in ids.iter().enumerate() {
            let result = seen.result_of(id).await;
            assert_eq!(data(&result)["result"], n, "{id}");
            assert_eq!(result.origin, OrchestratorId(0));
        }
        seen.called(Call::Poll, 1).await;
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(
            (handle.status().unsent, handle.status().totals.delivered),
            (0, 3)
        );
    });
    let calls = orchestrator.calls();
    let polled = first(&calls, from, Call::Poll);
    let before = &calls[from..polled];
    assert_eq!(
        before.iter().filter(|call| **call == Call::Deliver).count(),
        3
    );
    assert_eq!(
        before[0],
        Call::Register,
        "it retries at once and must know us"
    );
    // The third life has nothing left to say.
    let seen = orchestrator.clone();
    live(&orchestrator, &gate, dir.path(), async move |_| {
        seen.called(Call::Register, 3).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(seen.results(3).await.len(), 3);
    });
}

#[test]
fn a_task_that_ran_when_the_worker_was_killed_is_reported_at_once() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    let id = orchestrator.submit("gated", &());
    let running = gate.clone();
    live(&orchestrator, &gate, dir.path(), async move |_| {
        running.runs(1).await;
    });
    let (from, seen) = (orchestrator.calls().len(), orchestrator.clone());
    live(&orchestrator, &gate, dir.path(), async move |_| {
        let result = seen.result_of(&id).await;
        let while_it_ran = Interruption::Restarted { began: true };
        assert_eq!(result.outcome, Outcome::Interrupted(while_it_ran));
        assert_eq!(result.name.as_str(), "gated");
        seen.called(Call::Poll, 2).await;
    });
    let calls = orchestrator.calls();
    assert!(first(&calls, from, Call::Deliver) < first(&calls, from, Call::Poll));
}

#[test]
fn a_task_that_waited_for_its_slot_is_reported_and_not_blamed() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    for life in 0..3 {
        let parked = format!("parked-{life}");
        submit_as(
            &orchestrator,
            "video_a",
            &format!("runs-{life}"),
            &format!("any-{life}"),
        );
        submit_as(&orchestrator, "video_b", &parked, "same-job");
        let (seen, running) = (orchestrator.clone(), gate.clone());
        live(&orchestrator, &gate, dir.path(), async move |handle| {
            running.runs(1).await;
            until("the other waits", || handle.status().tasks.len() == 2).await;
            // A task that waits is noted a moment after it came.
            tokio::time::sleep(SECOND).await;
            if life > 0 {
                let before = TaskId::from(format!("parked-{}", life - 1));
                let result = seen.result_of(&before).await;
                let before_it_began = Interruption::Restarted { began: false };
                assert_eq!(result.outcome, Outcome::Interrupted(before_it_began));
            }
            assert!(
                seen.results(0)
                    .await
                    .iter()
                    .all(|r| r.task_id.as_str() != parked)
            );
        });
    }
}

#[test]
fn what_killed_the_worker_twice_does_not_run_a_third_time() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    for life in 0..2 {
        // The orchestrator's retry: another task of the same job.
        submit_as(&orchestrator, "gated", &format!("try-{life}"), "bomb");
        let running = gate.clone();
        live(&orchestrator, &gate, dir.path(), async move |_| {
            running.runs(1).await;
        });
    }
    let third = submit_as(&orchestrator, "gated", "try-2", "bomb");
    let other = submit_as(&orchestrator, "gated", "other", "harmless");
    gate.open(5);
    let (seen, most) = (orchestrator.clone(), gate.clone());
    live(&orchestrator, &gate, dir.path(), async move |handle| {
        let result = seen.result_of(&third).await;
        assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
        assert!(failure(&result).message().contains("ended twice"));
        assert!(matches!(
            seen.result_of(&other).await.outcome,
            Outcome::Completed(_)
        ));
        assert_eq!(handle.status().tasks.len(), 0);
    });
    assert_eq!(most.most(), 1);
    for life in 0..2 {
        let result = pollster(orchestrator.result_of(&format!("try-{life}").as_str().into()));
        let interrupted = Outcome::Interrupted(Interruption::Restarted { began: true });
        assert_eq!(result.outcome, interrupted);
    }
}

/// The answer of a future that has one already.
fn pollster<T>(future: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(future)
}

#[actix_rt::test]
async fn a_full_journal_pauses_the_intake_until_results_are_delivered() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    orchestrator.set_hold(SECOND);
    orchestrator.fail_next(Call::Deliver, &away(), 1_000_000);
    let builder = with_journal(worker(&orchestrator, &gate), dir.path());
    let handle = start(builder.configure(|settings| settings.journal.max_bytes = 2000)).await;
    let long = "x".repeat(600);
    for _ in 0..20 {
        orchestrator.submit("echo", &long);
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(60 * SECOND).await;
    let taken = 20 - orchestrator.queued();
    assert!((2..20).contains(&taken), "{taken} tasks in the hand");
    let polls = orchestrator.count(Call::Poll);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Poll), polls, "not one more poll");
    assert_eq!(handle.status().unsent, taken, "all are in memory");
    orchestrator.clear_faults();
    orchestrator.results(20).await;
}

#[actix_rt::test]
async fn what_a_drain_could_not_deliver_is_kept_for_the_next_worker() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    orchestrator.fail_next(Call::Deliver, &away(), 1_000_000);
    let handle = start(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    let id = orchestrator.submit("echo", &1);
    orchestrator.called(Call::Deliver, 1).await;
    let report = handle.shutdown().await;
    assert_eq!((report.unsent, report.kept), (1, 1));
    orchestrator.clear_faults();
    // The first one has let go of the journal by now.
    let handle = start_again(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    orchestrator.result_of(&id).await;
    let report = handle.shutdown().await;
    assert_eq!((report.unsent, report.kept), (0, 0));
}

#[actix_rt::test]
async fn results_for_an_orchestrator_that_is_gone_are_kept() {
    let (one, two, gate) = (
        MemoryOrchestrator::new(),
        MemoryOrchestrator::new(),
        Gate::closed(),
    );
    let dir = folder();
    one.fail_next(Call::Deliver, &away(), 1_000_000);
    let handle = start(with_journal(worker(&one, &gate), dir.path())).await;
    one.submit("echo", &1);
    one.called(Call::Deliver, 1).await;
    assert_eq!(handle.shutdown().await.kept, 1);
    let elsewhere = worker(&one, &gate).only_transport("other", two.connect());
    let handle = start_again(with_journal(elsewhere, dir.path())).await;
    let id = two.submit("echo", &2);
    two.result_of(&id).await;
    let report = handle.shutdown().await;
    assert_eq!((report.unsent, report.kept), (0, 1));
    one.clear_faults();
    // Back again, and in second place this time.
    let both = worker(&one, &gate)
        .only_transport("other", two.connect())
        .transport("memory", one.connect());
    let handle = start_again(with_journal(both, dir.path())).await;
    assert_eq!(one.results(1).await[0].origin, OrchestratorId(1));
    assert_eq!(handle.shutdown().await.kept, 0);
}

#[actix_rt::test]
async fn an_orchestrator_that_does_not_answer_holds_up_the_first_poll_for_five_seconds() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    orchestrator.fail_next(Call::Deliver, &away(), 1_000_000);
    let handle = start(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    orchestrator.submit("echo", &1);
    orchestrator.called(Call::Deliver, 1).await;
    handle.shutdown().await;
    let polls = orchestrator.count(Call::Poll);
    let began = tokio::time::Instant::now();
    start_again(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    orchestrator.called(Call::Poll, polls + 1).await;
    let waited = began.elapsed();
    assert!((5 * SECOND..6 * SECOND).contains(&waited), "{waited:?}");
}

#[actix_rt::test]
async fn two_workers_cannot_have_the_same_journal() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    let _first = start(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    let second = with_journal(worker(&orchestrator, &gate), dir.path()).build();
    let error = second.expect("a worker").spawn_local().await.unwrap_err();
    assert!(
        matches!(error, axon_worker::Error::Journal(JournalError::InUse(_))),
        "{error}"
    );
}

#[actix_rt::test]
async fn without_a_fixed_name_there_is_no_journal() {
    let mut settings = Settings::default();
    assert_eq!(settings.journal_dir(), None);
    settings.worker_id_is_fixed = true;
    settings.journal.state_dir = "/var/lib/of-unit".into();
    let among = PathBuf::from("/var/lib/of-unit/journal");
    let expected = among.join(settings.worker_id.as_str());
    assert_eq!(settings.journal_dir(), Some(expected));
    settings.journal.mode = JournalMode::Off;
    assert_eq!(settings.journal_dir(), None);
}

#[actix_rt::test]
async fn a_folder_that_cannot_be_written_is_only_fatal_when_it_was_asked_for() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let asked = with_journal(worker(&orchestrator, &gate), &file).build();
    asked.expect("a worker").spawn_local().await.unwrap_err();
    let automatic = worker(&orchestrator, &gate).configure(move |settings| {
        settings.worker_id_is_fixed = true;
        settings.journal.dir = Some(file);
    });
    start(automatic).await;
    let id = orchestrator.submit("echo", &1);
    tokio::time::timeout(Duration::from_mins(1), orchestrator.result_of(&id))
        .await
        .expect("it works without");
}

#[actix_rt::test]
async fn a_journal_of_another_version_keeps_the_worker_from_starting_and_is_not_touched() {
    let (orchestrator, gate, dir) = (MemoryOrchestrator::new(), Gate::closed(), folder());
    let handle = start(with_journal(worker(&orchestrator, &gate), dir.path())).await;
    let id = orchestrator.submit("echo", &1);
    orchestrator.result_of(&id).await;
    handle.shutdown().await;

    let file = dir.path().join("journal-0000000001.log");
    let mut bytes = std::fs::read(&file).expect("a segment");
    // The version, and the checksum of the header.
    bytes[8] = 2;
    bytes[12..16].copy_from_slice(&0xc667_11e9_u32.to_le_bytes());
    std::fs::write(&file, &bytes).expect("it is written");
    let here = dir.path().to_owned();
    let automatic = worker(&orchestrator, &gate).configure(move |settings| {
        settings.worker_id_is_fixed = true;
        settings.journal.dir = Some(here);
    });
    let error = automatic.build().expect("a worker").spawn_local().await;
    let error = error.expect_err("it does not start").to_string();
    assert!(error.contains("journal-0000000001.log"), "{error}");
    assert!(error.contains("format 2, not 1"), "{error}");
    assert_eq!(std::fs::read(&file).expect("it is there"), bytes);
}

#[actix_rt::test]
async fn many_bytes_of_undelivered_results_pause_the_intake() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.set_hold(SECOND);
    orchestrator.fail_next(Call::Deliver, &away(), 1_000_000);
    let builder = worker(&orchestrator, &gate);
    let handle = start(builder.configure(|settings| settings.results.max_bytes = 50_000)).await;
    let long = "x".repeat(10_000);
    for _ in 0..40 {
        orchestrator.submit("echo", &long);
    }
    tokio::time::sleep(60 * SECOND).await;
    let taken = 40 - orchestrator.queued();
    // What the polls brought that were open when the bound was reached comes on top.
    assert!((5..30).contains(&taken), "{taken} tasks in the hand");
    let polls = orchestrator.count(Call::Poll);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.count(Call::Poll), polls, "not one more poll");
    assert_eq!(handle.status().unsent, taken);
    orchestrator.clear_faults();
    orchestrator.results(40).await;
}
