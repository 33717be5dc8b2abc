//! A worker as a process of its own, ended by SIGKILL: nothing is lost, and
//! nothing runs that must not.

#![cfg(feature = "journal")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use axon_worker::dev::{DevOrchestrator, Endpoint, Fault, JobHandle, JobSpec, JobState};
use serde_json::{Value, json};

#[path = "support/example.rs"]
mod example;
#[path = "support/until.rs"]
mod until;

use until::until;

const LOG: &str = "worker.log";

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// The conformance worker with a name, and so with a journal.
struct Process(Child);

impl Process {
    fn start(orchestrator: &DevOrchestrator, folder: &Path) -> Self {
        Self::with(orchestrator, folder, &[])
    }

    /// With more variables.
    fn with(orchestrator: &DevOrchestrator, folder: &Path, more: &[(&str, &str)]) -> Self {
        let child = Command::new(example::program("conformance"))
            .env_clear()
            .env("ORCHESTRATOR_URL", orchestrator.url())
            .env("WORKER_ID", "mortal")
            .env("WORKER_PORT", "0")
            .env("MAX_CONCURRENT_TASKS", "50")
            .env("TASK_FILES_DIR", folder)
            .env("STATE_DIRECTORY", folder.join("state"))
            // This orchestrator notices that the clients of polls are gone.
            .env("TASK_POLL_TIMEOUT", "0.01")
            .env("LOG_LEVEL", "warn,axon_worker=debug")
            .env("NO_COLOR", "1")
            .envs(more.iter().copied())
            .stdout(append_to(&folder.join(LOG)))
            .spawn()
            .expect("the worker starts");
        Self(child)
    }

    /// SIGTERM.
    fn terminate(&self) {
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.0.id())])
            .status();
        assert!(kill.is_ok_and(|status| status.success()));
    }

    /// SIGKILL. What it wrote before is in the files.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(LOG)).expect("a log")
}

fn append_to(log: &Path) -> File {
    let file = File::options().create(true).append(true).open(log);
    file.expect("a log file")
}

async fn submit(orchestrator: &DevOrchestrator, name: &str, params: Value) -> JobHandle {
    let spec = JobSpec::task(name, params);
    orchestrator.submit(spec).await.expect("a job")
}

/// Waits until so many results were sent, accepted or not.
async fn results_sent(orchestrator: &DevOrchestrator, at_least: u64) {
    let sent = || orchestrator.request_count(Endpoint::Result) >= at_least;
    until("the results are sent", sent).await;
}

/// The tasks whose handlers succeeded and whose results the journal keeps, read as docs/journal.md says: frames of a
/// length, a checksum and a record, which begins with its kind and two texts.
fn recorded_results(folder: &Path) -> BTreeSet<String> {
    let journal = folder.join("state/journal/mortal");
    let entries = std::fs::read_dir(journal).into_iter().flatten().flatten();
    let mut segments: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    segments.retain(|path| path.extension().is_some_and(|it| it == "log"));
    segments.sort();

    let mut kept = BTreeSet::new();
    for segment in segments {
        let bytes = std::fs::read(segment).unwrap_or_default();
        let mut rest = bytes.get(16..).unwrap_or_default();
        while let Some((record, later)) = text(rest, 8) {
            rest = later;
            let (Some(kind), Some((_, fields))) = (record.first(), text(&record[1..], 4)) else {
                continue;
            };
            let Some((task, end)) = text(fields, 4) else {
                continue;
            };
            let task = String::from_utf8_lossy(task).into_owned();
            if *kind == b'r' && String::from_utf8_lossy(end).contains("\"Completed\"") {
                kept.insert(task);
            } else {
                kept.remove(&task);
            }
        }
    }
    kept
}

/// What has its length before it, and what comes then.
fn text(bytes: &[u8], prefix: usize) -> Option<(&[u8], &[u8])> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    bytes.get(prefix..)?.split_at_checked(length)
}

/// How many lines of the worker's log say that.
fn logged(folder: &Path, what: &str) -> usize {
    log_of(folder)
        .lines()
        .filter(|line| line.contains(what))
        .count()
}

async fn job_done(job: &JobHandle) -> JobState {
    job.finished_within(LONG).await.expect("an end").state
}

#[actix_rt::test]
async fn undelivered_results_survive_a_kill_and_go_out_before_the_first_poll() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let worker = Process::start(&orchestrator, folder.path());
    orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 1_000_000);
    let mut jobs = Vec::new();
    for number in 0..20 {
        jobs.push(submit(&orchestrator, "add", json!({"a": number, "b": 1})).await);
    }
    orchestrator
        .wait_until(|view| view.running_tasks("add").now == 20)
        .await;
    results_sent(&orchestrator, 2).await;
    // Only one of them is tried while the orchestrator fails.
    let recorded = || recorded_results(folder.path()).len() == 20;
    until("all are recorded", recorded).await;
    worker.kill();
    orchestrator.clear_faults();
    orchestrator.clear_requests();
    let _worker = Process::start(&orchestrator, folder.path());
    for (number, job) in jobs.iter().enumerate() {
        let report = job.finished_within(LONG).await.expect("an end");
        assert!(report.is_success(), "{report:?}");
        assert_eq!(report.data["sum"], number + 1);
        assert_eq!(report.history.len(), 1, "no handler ran twice: {report:?}");
    }
    assert_eq!(orchestrator.stale_results(), 0);
    // Requests are recorded when their answers are out.
    let recorded = || orchestrator.requests_to(Endpoint::Result).len() >= 20;
    until("they are recorded", recorded).await;
    // The last poll of the killed worker ends only now.
    let registered = orchestrator.requests_to(Endpoint::Register)[0].arrived;
    let polls = orchestrator.requests_to(Endpoint::Poll);
    let first_poll = polls
        .iter()
        .map(|poll| poll.arrived)
        .filter(|at| *at > registered);
    let first_poll = first_poll.min();
    for result in orchestrator.requests_to(Endpoint::Result) {
        assert_eq!(result.status, Some(200));
        assert!(first_poll.is_none_or(|poll| result.arrived < poll));
    }
    assert_eq!(orchestrator.requests_to(Endpoint::Result).len(), 20);
}

#[actix_rt::test]
async fn a_running_task_is_retried_after_a_kill_and_refused_after_two() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let job = submit(&orchestrator, "sleep", json!({"seconds": 600})).await;
    for life in 1..=2 {
        let worker = Process::start(&orchestrator, folder.path());
        // The attempt of this life, not the one before.
        let with_the_worker = || {
            let history = job.report().history;
            history.len() == life && history[life - 1].handed_out_at.is_some()
        };
        until("the worker has it", with_the_worker).await;
        // A small one after it: when that is done, both were noted.
        let after = submit(&orchestrator, "echo", json!({})).await;
        assert_eq!(job_done(&after).await, JobState::Finished);
        worker.kill();
    }
    let _worker = Process::start(&orchestrator, folder.path());
    let report = job.finished_within(LONG).await.expect("an end");
    assert_eq!(report.state, JobState::Quarantined, "{report:?}");
    let errors: Vec<_> = report
        .history
        .iter()
        .map(|attempt| format!("{attempt:?}"))
        .collect();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for (error, text) in errors.iter().zip([
        "the worker was restarted while the task ran",
        "the worker was restarted while the task ran",
        "ended twice",
    ]) {
        assert!(error.contains(text), "{error}");
    }
}

#[actix_rt::test]
async fn a_process_that_was_told_to_end_is_not_held_against_its_tasks() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let job = submit(&orchestrator, "sleep", json!({"seconds": 3})).await;
    for life in 1..=2 {
        let worker = Process::start(&orchestrator, folder.path());
        let with_the_worker = || {
            let history = job.report().history;
            history.len() == life && history[life - 1].handed_out_at.is_some()
        };
        until("the worker has it", with_the_worker).await;
        let after = submit(&orchestrator, "echo", json!({})).await;
        assert_eq!(job_done(&after).await, JobState::Finished);
        worker.terminate();
        let draining = || log_of(folder.path()).matches("shutting down").count() == life;
        until("it drains", draining).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        worker.kill();
    }
    let _worker = Process::start(&orchestrator, folder.path());
    assert_eq!(
        job_done(&job).await,
        JobState::Finished,
        "{:?}",
        job.report()
    );
    assert_eq!(job.report().history.len(), 3);
}

#[actix_rt::test]
async fn results_survive_a_kill_after_somebody_has_removed_the_journal() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let worker = Process::start(&orchestrator, folder.path());
    orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 1_000_000);
    let mut jobs = Vec::new();
    for number in 0..5 {
        jobs.push(submit(&orchestrator, "add", json!({"a": number, "b": 1})).await);
    }
    let recorded = || recorded_results(folder.path()).len() == 5;
    until("all are recorded", recorded).await;
    std::fs::remove_dir_all(folder.path().join("state")).expect("it is removed");
    until("all are recorded anew", recorded).await;
    let is_told = || log_of(folder.path()).contains("they were written anew");
    until("that is told", is_told).await;
    worker.kill();

    orchestrator.clear_faults();
    let _worker = Process::start(&orchestrator, folder.path());
    for job in &jobs {
        let report = job.finished_within(LONG).await.expect("an end");
        assert!(report.is_success(), "{report:?}");
        assert_eq!(report.history.len(), 1, "no handler ran twice: {report:?}");
    }
}

/// Asks for it by `AXON_TEST_KILLS`; few unless given.
fn kills() -> usize {
    let kills = std::env::var("AXON_TEST_KILLS").ok();
    kills.map_or(12, |kills| kills.parse().expect("a number of kills"))
}

/// Under load, at a random moment each time. With `AXON_TEST_KILLS=1000` it takes some
/// minutes.
#[actix_rt::test]
async fn kills_at_any_moment_lose_nothing() {
    let orchestrator = DevOrchestrator::builder()
        .max_retries(1000)
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut jobs: Vec<JobHandle> = Vec::new();
    // Tasks whose results were in the journal when the process was killed.
    let mut recorded = BTreeSet::new();
    for _ in 0..kills() {
        let before = orchestrator.request_count(Endpoint::Result);
        for _ in 0..100 {
            let number = jobs.len();
            jobs.push(submit(&orchestrator, "add", json!({"a": number, "b": 1})).await);
        }
        let worker = Process::start(&orchestrator, folder.path());
        results_sent(&orchestrator, before + 1).await;
        tokio::time::sleep(Duration::from_micros(fastrand::u64(..8000))).await;
        worker.kill();
        recorded.extend(recorded_results(folder.path()));
    }
    let _worker = Process::start(&orchestrator, folder.path());
    // Behind all others in the queue.
    let last = submit(&orchestrator, "echo", json!({})).await;
    let patience = LONG + Duration::from_secs(kills() as u64);
    let last = last.finished_within(patience).await.expect("an end");
    assert_eq!(last.state, JobState::Finished);
    until("nothing is kept", || {
        recorded_results(folder.path()).is_empty()
    })
    .await;

    let log = log_of(folder.path());
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("task starts")) {
        *begun.entry(task_id(line)).or_default() += 1;
    }
    assert!(!begun.is_empty(), "the log tells which handlers began");
    let began = |id: &str| begun.get(id).copied().unwrap_or(0);

    let (mut lost, mut again, mut on_the_way, mut refused) = (0, 0, 0, 0);
    for (number, job) in jobs.iter().enumerate() {
        let report = job.report();
        match report.state {
            JobState::Finished => assert_eq!(report.data["sum"], number + 1),
            // Handed out, and the worker killed before it could take note: its handler
            // did not run. Real orchestrators hand it out again in time.
            JobState::Running => {
                on_the_way += 1;
                let last = report.history.last().expect("an attempt");
                assert_eq!(began(last.task_id.as_str()), 0, "{report:?}");
            }
            // Twice in the hand of a worker that is killed: that is how it looks here.
            _ => {
                refused += 1;
                assert!(format!("{report:?}").contains("ended twice"), "{report:?}");
            }
        }
        let mut has_result = false;
        for attempt in &report.history {
            let id = attempt.task_id.as_str();
            let executions = began(id);
            assert!(executions <= 1, "{report:?}");
            again += if has_result { executions } else { 0 };
            if recorded.contains(id) {
                has_result = true;
                let is_lost = attempt.error.is_some() || report.state != JobState::Finished;
                lost += usize::from(is_lost);
            }
        }
    }
    println!(
        "{} kills, {} jobs, {} results in the journal at a kill: {lost} lost, {again} executed \
         again; {on_the_way} tasks were on their way to the worker, {refused} refused",
        kills(),
        jobs.len(),
        recorded.len(),
    );
    assert_eq!((lost, again), (0, 0));
    // Not more than the slots of the worker.
    assert!(on_the_way <= 50 * kills(), "{on_the_way}");
}

/// The task that a line of the log is about.
fn task_id(line: &str) -> &str {
    let after = line.split("task_id=").nth(1).unwrap_or_default();
    let after = after.trim_start_matches('"');
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    &after[..after.find(|c| !is_part(c)).unwrap_or(after.len())]
}

/// A file system in a file, which can be made to hang.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder };
        let image = disk.folder.path().join("image");
        let file = File::create_new(&image).expect("a file");
        file.set_len(64 * 1024 * 1024).expect("room");
        std::fs::create_dir(disk.path()).expect("a folder");
        run(Command::new("mkfs.ext4").arg("-q").arg(&image));
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&image, &disk.path()]));
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn freeze(&self) {
        run(Command::new("fsfreeze").arg("-f").arg(self.path()));
    }

    fn thaw(&self) {
        run(Command::new("fsfreeze").arg("-u").arg(self.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("-u").arg(self.path()).status();
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn run(command: &mut Command) {
    assert!(
        command.status().expect("it starts").success(),
        "{command:?}"
    );
}

#[actix_rt::test]
#[ignore = "needs root, a loop device and fsfreeze"]
async fn a_disk_that_hangs_holds_up_no_task_and_no_end() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount();
    let journal = disk.path().join("journal");
    let more = [("AXON_JOURNAL_DIR", journal.to_str().unwrap())];
    let mut worker = Process::with(&orchestrator, folder.path(), &more);
    let echo = || submit(&orchestrator, "echo", json!({}));
    assert_eq!(job_done(&echo().await).await, JobState::Finished);

    disk.freeze();
    let began = Instant::now();
    let first = echo().await;
    assert_eq!(job_done(&first).await, JobState::Finished);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(job_done(&echo().await).await, JobState::Finished);
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(logged(folder.path(), "tasks begin without it"), 1);
    disk.thaw();
    until("it answers again", || {
        logged(folder.path(), "answers again") == 1
    })
    .await;
    assert_eq!(job_done(&echo().await).await, JobState::Finished);

    disk.freeze();
    let last = echo().await;
    worker.terminate();
    let ended = || logged(folder.path(), "shut down") == 1;
    let began = Instant::now();
    until("it says that it has ended", ended).await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(job_done(&last).await, JobState::Finished);
    // Its last thread is in the kernel until then.
    disk.thaw();
    assert!(worker.0.wait().expect("it ends").success());

    let _next = Process::with(&orchestrator, folder.path(), &more);
    assert_eq!(job_done(&echo().await).await, JobState::Finished);
    assert_eq!(logged(folder.path(), "an earlier process left results"), 0);
}

/// The files of tasks, by the folder of their process.
fn task_files(root: &Path) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.flatten().map(|entry| entry.path()).collect()
    };
    let mut all = BTreeMap::new();
    for process in inside(root) {
        let name = process.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("axon-") {
            let folders = inside(&process).into_iter().filter(|path| path.is_dir());
            let files = folders.flat_map(|folder| inside(&folder)).collect();
            all.insert(process, files);
        }
    }
    all
}

/// Waits until each of so many processes has the file of its task complete.
async fn processes_with_a_file(root: &Path, count: usize) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    for _ in 0..5_000 {
        let all = task_files(root);
        let is_there = |files: &Vec<PathBuf>| files.iter().any(|file| file.ends_with("clip.txt"));
        if all.len() == count && all.values().all(is_there) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not in time: {:?}", task_files(root));
}

#[actix_rt::test]
async fn files_of_a_killed_worker_are_swept_and_those_of_a_live_one_stay() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (tasks, storage) = (folder.path().join("tasks"), folder.path().join("storage"));
    std::fs::create_dir_all(storage.join("in")).unwrap();
    std::fs::write(storage.join("in/clip.txt"), "content").unwrap();
    let start = |id| {
        let more = [
            ("WORKER_ID", id),
            ("MAX_CONCURRENT_TASKS", "1"),
            ("TASK_FILES_DIR", tasks.to_str().unwrap()),
            ("AXON_STORAGE_DIR", storage.to_str().unwrap()),
        ];
        Process::with(&orchestrator, folder.path(), &more)
    };
    // The file is there while the handler sleeps.
    let params = json!({ "seconds": 600, "clip": "s3://in/clip.txt" });
    let _lives = start("lives");
    submit(&orchestrator, "sleep", params.clone()).await;
    let before = processes_with_a_file(&tasks, 1).await;
    let mortal = start("mortal");
    submit(&orchestrator, "sleep", params).await;
    let both = processes_with_a_file(&tasks, 2).await;
    mortal.kill();
    assert_eq!(task_files(&tasks), both, "a kill leaves everything behind");
    let killed = both.keys().find(|process| !before.contains_key(*process));
    let killed = killed.expect("the folder of the killed process");
    let _again = start("mortal");
    let swept = format!("swept: {}", killed.display());
    until(&swept, || !killed.exists()).await;
    // Its task comes again, and gets its file in a folder of the new process.
    let after = processes_with_a_file(&tasks, 2).await;
    for (process, files) in &before {
        assert_eq!(after.get(process), Some(files), "in use by another worker");
    }
}
