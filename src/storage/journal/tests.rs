//! The journal against everything that can happen to a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::json;

use super::index::{Change, HandedOut, Journal, Recovered, Slot};
use super::{JournalError, record};
use crate::TaskId;
use crate::config::JournalSync;
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{Interruption, Outcome, Reply, TaskError, TaskResult};

const ROOM: u64 = 1024 * 1024;
const HOME: &str = "http://one.example.com";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &Path) -> (Journal, Recovered) {
    open_with(folder, ROOM)
}

fn open_with(folder: &Path, room: u64) -> (Journal, Recovered) {
    Journal::open(folder, room, JournalSync::Off, SystemTime::now()).expect("a journal")
}

fn refusal(folder: &Path) -> JournalError {
    let opened = Journal::open(folder, ROOM, JournalSync::Off, SystemTime::now());
    opened.expect_err("it is refused")
}

fn change(task: &str, slot: Slot) -> Change {
    Change {
        orchestrator: HOME.into(),
        task_id: task.into(),
        slot,
    }
}

fn handed_out(task: &str, begins: bool) -> Change {
    let out = HandedOut {
        job_id: format!("job-of-{task}").into(),
        name: "crunch".into(),
        begins,
    };
    change(task, Slot::HandedOut(out))
}

fn result(task: &str, outcome: Outcome) -> Arc<TaskResult> {
    Arc::new(TaskResult {
        origin: OrchestratorId(0),
        task_id: task.into(),
        job_id: format!("job-of-{task}").into(),
        name: "crunch".into(),
        outcome,
        ran_for: Duration::from_millis(1234),
        task_metadata: None,
    })
}

fn done(task: &str, text: &str) -> Change {
    let reply = Reply::success(&json!({ "text": text })).expect("JSON");
    change(task, Slot::Result(result(task, Outcome::Completed(reply))))
}

fn commit(journal: &mut Journal, changes: impl IntoIterator<Item = Change>) {
    for change in changes {
        journal.record(change);
    }
    journal.commit().expect("a commit");
    journal.tidy().expect("a tidy journal");
}

fn ids<'a>(recovered: impl IntoIterator<Item = &'a super::index::Recovery>) -> Vec<TaskId> {
    let mut ids: Vec<_> = recovered
        .into_iter()
        .map(|recovery| recovery.result.task_id.clone())
        .collect();
    ids.sort();
    ids
}

#[test]
fn results_come_back_as_they_were() {
    let folder = folder();
    let odd = RawJson::from_bytes(r#"{ "big":12345678901234567890, "n":1.0 }"#.into()).unwrap();
    let files = Reply::success(&odd).unwrap();
    let outcomes = [
        Outcome::Completed(Reply::success(&odd).unwrap()),
        Outcome::Completed(files.with_files(odd.clone(), odd.clone())),
        Outcome::Completed(Reply::status_with("needs_review", &odd).unwrap()),
        Outcome::Completed(
            Reply::success(&odd)
                .and_then(|reply| reply.with_metadata(&json!({ "about": "x" })))
                .and_then(|reply| reply.with_costs(&json!({ "tokens": 3 })))
                .unwrap()
                .with_attachment(crate::Attachment {
                    id: "f1".to_owned(),
                    ..crate::Attachment::default()
                }),
        ),
        Outcome::Failed(TaskError::new("TEAPOT", "short and stout").with_details(&odd)),
        Outcome::Failed(TaskError::permanent("no")),
        Outcome::Failed(TaskError::transient("busy").retry_after(Duration::from_millis(1500))),
        Outcome::Cancelled,
        Outcome::Interrupted(Interruption::ShutDown),
        Outcome::Interrupted(Interruption::Restarted { began: true }),
    ];
    let (mut journal, _) = open(folder.path());
    let sent: Vec<_> = outcomes
        .into_iter()
        .enumerate()
        .map(|(number, outcome)| result(&format!("t{number}"), outcome))
        .collect();
    let notes = sent
        .iter()
        .map(|result| change(result.task_id.as_str(), Slot::Result(result.clone())));
    commit(&mut journal, notes);
    drop(journal);
    let (_journal, recovered) = open(folder.path());
    assert!(recovered.interrupted.is_empty());
    let mut unsent = recovered.unsent;
    unsent.sort_by(|a, b| a.result.task_id.cmp(&b.result.task_id));
    for (before, after) in sent.iter().zip(&unsent) {
        assert_eq!(after.orchestrator, HOME);
        assert_eq!(after.result.task_id, before.task_id);
        assert_eq!(after.result.job_id, before.job_id);
        assert_eq!(after.result.name, before.name);
        assert_eq!(after.result.outcome, before.outcome);
        assert_eq!(after.result.ran_for, before.ran_for);
        assert_eq!(after.result.task_metadata, before.task_metadata);
    }
    assert_eq!(unsent.len(), sent.len());
}

#[test]
fn what_was_delivered_is_gone_and_what_ran_has_failed() {
    let folder = folder();
    let (mut journal, nothing) = open(folder.path());
    assert!(nothing.unsent.is_empty() && nothing.interrupted.is_empty());
    let all = ["delivered", "ready", "running"];
    commit(&mut journal, all.map(|task| handed_out(task, true)));
    commit(&mut journal, [handed_out("waiting", false)]);
    commit(&mut journal, [done("delivered", "x"), done("ready", "x")]);
    commit(&mut journal, [change("delivered", Slot::Gone)]);
    drop(journal);
    let (journal, recovered) = open(folder.path());
    assert_eq!(ids(&recovered.unsent), ["ready".into()]);
    let expected: [TaskId; 2] = ["running".into(), "waiting".into()];
    assert_eq!(ids(&recovered.interrupted), expected);
    for recovery in &recovered.interrupted {
        let began = recovery.result.task_id.as_str() == "running";
        let why = Interruption::Restarted { began };
        assert_eq!(recovery.result.outcome, Outcome::Interrupted(why));
    }
    assert_eq!(journal.kept(), 3);
    // The failures are results of their own now: a crash here counts nothing twice.
    drop(journal);
    let (_journal, again) = open(folder.path());
    assert_eq!((again.unsent.len(), again.interrupted.len()), (3, 0));
}

#[test]
fn work_that_ran_when_the_process_died_twice_is_refused() {
    let folder = folder();
    let now = SystemTime::now();
    let (job, name) = ("job-of-bomb".into(), "crunch".into());
    for deaths in 0..3 {
        let (mut journal, _) = open(folder.path());
        assert_eq!(journal.refuses(&job, &name, now), deaths == 2, "{deaths}");
        commit(
            &mut journal,
            [handed_out("bomb", true), handed_out("parked", false)],
        );
        let parked = "job-of-parked".into();
        assert!(!journal.refuses(&parked, &name, now), "it never began");
    }
    let (mut journal, _) = open(folder.path());
    assert!(!journal.refuses(&job, &"other".into(), now));
    commit(&mut journal, [done("bomb", "it works now")]);
    assert!(!journal.refuses(&job, &name, now));
    drop(journal);
    let (journal, _) = open(folder.path());
    assert!(
        !journal.refuses(&job, &name, now),
        "the success is remembered"
    );
}

#[test]
fn a_second_worker_is_told_what_to_change() {
    let folder = folder();
    let first = open(folder.path());
    let error = refusal(folder.path());
    assert!(matches!(error, JournalError::InUse(_)));
    let text = error.to_string();
    assert!(
        text.contains(&folder.path().display().to_string()),
        "{text}"
    );
    assert!(text.contains("AXON_JOURNAL_DIR"), "{text}");
    drop(first);
    open(folder.path());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refusal(&file.join("deeper"));
    assert!(error.to_string().contains("AXON_JOURNAL_DIR"), "{error}");
}

#[test]
fn a_full_journal_says_so_until_there_is_room() {
    let folder = folder();
    let (mut journal, _) = open_with(folder.path(), 4000);
    let long = "x".repeat(1500);
    let two = ["a", "b"].map(|task| handed_out(task, true));
    commit(&mut journal, two);
    commit(&mut journal, [done("a", &long), done("b", &long)]);
    assert!(!journal.is_full());
    commit(&mut journal, [handed_out("c", true)]);
    commit(&mut journal, [done("c", &long)]);
    assert!(journal.is_full(), "no room for the third");
    assert!(journal.bytes() <= 4000);
    assert_eq!(journal.kept(), 2);
    commit(&mut journal, [change("c", Slot::Gone)]);
    assert!(!journal.is_full(), "delivered from memory");
    commit(&mut journal, [handed_out("d", true)]);
    commit(&mut journal, [done("d", &long)]);
    drop(journal);
    let (_journal, recovered) = open(folder.path());
    assert_eq!(ids(&recovered.unsent), ["a".into(), "b".into()]);
    assert_eq!(ids(&recovered.interrupted), ["d".into()]);
}

/// The length of all files of the journal together.
fn size(folder: &Path) -> u64 {
    let files = files(folder);
    let sizes = files
        .iter()
        .map(|path| path.metadata().expect("a file").len());
    sizes.sum()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_hundred_thousand_tasks_leave_a_small_file() {
    let folder = folder();
    let (mut journal, _) = open(folder.path());
    for round in 0..10_000 {
        let tasks: Vec<_> = (0..10).map(|n| format!("task-{round}-{n}")).collect();
        commit(
            &mut journal,
            tasks.iter().map(|task| handed_out(task, true)),
        );
        commit(&mut journal, tasks.iter().map(|task| done(task, "x")));
        commit(
            &mut journal,
            tasks.iter().map(|task| change(task, Slot::Gone)),
        );
    }
    assert_eq!((journal.bytes(), journal.kept()), (0, 0));
    assert!(!journal.is_needed());
    let size = size(folder.path());
    assert!(size < 4 * 1024 * 1024, "{size} bytes");
}

#[test]
fn what_lives_long_is_moved_and_not_lost() {
    let folder = folder();
    let (mut journal, _) = open(folder.path());
    commit(&mut journal, [done("old", "an old result")]);
    commit(&mut journal, [handed_out("slow", true)]);
    let long = "x".repeat(10_000);
    for round in 0..600 {
        let task = format!("t{round}");
        commit(&mut journal, [done(&task, &long)]);
        commit(&mut journal, [change(&task, Slot::Gone)]);
    }
    let size = size(folder.path());
    assert!(
        size < 4 * 1024 * 1024,
        "{size} bytes for 6 MB that came and went"
    );
    let first = files(folder.path()).remove(0);
    assert!(
        !first.ends_with("journal-0000000001.log"),
        "it was rewritten"
    );

    drop(journal);
    let (_journal, recovered) = open(folder.path());
    assert_eq!(ids(&recovered.unsent), ["old".into()]);
    assert_eq!(ids(&recovered.interrupted), ["slow".into()]);
}

#[test]
fn large_files_shrink_again() {
    let folder = folder();
    let (mut journal, _) = open_with(folder.path(), 1024 * ROOM);
    let tasks: Vec<_> = (0..60).map(|number| format!("t{number}")).collect();
    let long = "x".repeat(500_000);
    commit(&mut journal, tasks.iter().map(|task| done(task, &long)));
    assert!(size(folder.path()) > 30_000_000);
    commit(
        &mut journal,
        tasks.iter().map(|task| change(task, Slot::Gone)),
    );
    commit(&mut journal, [done("small", "x")]);
    assert!(
        size(folder.path()) < 1_000_000,
        "{} bytes",
        size(folder.path())
    );
}

#[test]
fn much_that_is_kept_is_in_few_files() {
    let folder = folder();
    let (mut journal, _) = open_with(folder.path(), 1024 * ROOM);
    let long = "x".repeat(500_000);
    for number in 0..200 {
        commit(&mut journal, [done(&format!("t{number}"), &long)]);
    }
    assert_eq!(journal.kept(), 200);
    assert!(size(folder.path()) > 100_000_000);
    let files = files(folder.path()).len();
    assert!(files < 60, "{files} files");
}

#[test]
fn ten_thousand_results_are_there_again() {
    let folder = folder();
    let (mut journal, _) = open_with(folder.path(), 1024 * ROOM);
    let tasks: Vec<_> = (0..10_000).map(|number| format!("t{number}")).collect();
    for some in tasks.chunks(100) {
        commit(&mut journal, some.iter().map(|task| done(task, "x")));
    }
    drop(journal);
    let began = std::time::Instant::now();
    let (_journal, recovered) = open_with(folder.path(), 1024 * ROOM);
    println!("opened in {:?}", began.elapsed());
    let found: Vec<_> = recovered
        .unsent
        .iter()
        .map(|it| it.result.task_id.as_str())
        .collect();
    let mut expected: Vec<_> = tasks.iter().map(String::as_str).collect();
    expected.sort_unstable();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn a_process_that_was_told_to_end_is_not_held_against_its_tasks() {
    let folder = folder();
    let (job, name) = ("job-of-slow".into(), "crunch".into());
    for _ in 0..3 {
        let (mut journal, _) = open(folder.path());
        assert!(!journal.refuses(&job, &name, SystemTime::now()));
        commit(&mut journal, [handed_out("slow", true)]);
        journal.record_ending();
        journal.commit().expect("a commit");
    }
    // That holds for one process only.
    for deaths in 0..3 {
        let (mut journal, _) = open(folder.path());
        let refuses = journal.refuses(&job, &name, SystemTime::now());
        assert_eq!(refuses, deaths == 2, "{deaths}");
        commit(&mut journal, [handed_out("slow", true)]);
    }
}

#[test]
fn deaths_are_remembered_when_their_file_is_rewritten() {
    let folder = folder();
    for _ in 0..2 {
        let (mut journal, _) = open(folder.path());
        commit(&mut journal, [handed_out("bomb", true)]);
    }
    let (mut journal, _) = open(folder.path());
    let long = "x".repeat(100_000);
    for round in 0..60 {
        let task = format!("t{round}");
        commit(&mut journal, [done(&task, &long)]);
        commit(&mut journal, [change(&task, Slot::Gone)]);
    }
    drop(journal);
    let (journal, _) = open(folder.path());
    assert!(journal.refuses(&"job-of-bomb".into(), &"crunch".into(), SystemTime::now()));
}

#[test]
fn files_that_were_removed_are_written_anew() {
    let root = folder();
    let folder = root.path().join("journal");
    let (mut journal, _) = open(&folder);
    commit(
        &mut journal,
        [done("ready", "x"), handed_out("running", true)],
    );
    journal.restore_if_gone().expect("nothing to do");
    assert_eq!(files(&folder).len(), 1);

    std::fs::remove_dir_all(&folder).expect("it is removed");
    journal.restore_if_gone().expect("it is written anew");
    assert!(matches!(refusal(&folder), JournalError::InUse(_)));
    commit(&mut journal, [done("later", "x")]);
    drop(journal);
    let (mut journal, recovered) = open(&folder);
    assert_eq!(ids(&recovered.unsent), ["later".into(), "ready".into()]);
    assert_eq!(ids(&recovered.interrupted), ["running".into()]);

    // Somebody cut them off, and what was there is gone.
    for file in files(&folder) {
        std::fs::write(file, "").expect("it is written");
    }
    journal.restore_if_gone().expect("it is written anew");
    assert_eq!(journal.kept(), 0);
    commit(&mut journal, [done("last", "x")]);
    drop(journal);
    assert_eq!(ids(&open(&folder).1.unsent), ["last".into()]);
}

#[test]
fn what_cannot_be_written_is_written_later() {
    let root = folder();
    let folder = root.path().join("journal");
    let (mut journal, _) = open(&folder);
    std::fs::remove_dir_all(&folder).expect("it is removed");
    journal.record(done("ready", "x"));
    let error = journal
        .commit()
        .expect_err("there is no folder")
        .to_string();
    assert!(error.contains(&folder.display().to_string()), "{error}");
    journal.record(done("more", "x"));
    journal.restore_if_gone().expect("there is a folder again");
    journal.commit().expect("a commit");
    drop(journal);
    let (_journal, recovered) = open(&folder);
    assert_eq!(ids(&recovered.unsent), ["more".into(), "ready".into()]);
}

#[test]
fn files_are_for_this_user_alone_and_a_folder_for_others_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let root = folder();
    let folder = root.path().join("journal");
    let (mut journal, _) = open(&folder);
    commit(&mut journal, [done("ready", "x")]);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    drop(journal);

    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).expect("it is ours");
    let error = refusal(&folder).to_string();
    assert!(error.contains(&folder.display().to_string()), "{error}");
    assert!(error.contains("others may write into it"), "{error}");
}

#[test]
fn files_of_another_version_are_left_as_they_are() {
    let folder = folder();
    let mut newer = written(20);
    newer[8] = 2;
    let sum = crc32fast::hash(&newer[..12]);
    newer[12..16].copy_from_slice(&sum.to_le_bytes());
    let path = folder.path().join("journal-0000000007.log");
    std::fs::write(&path, &newer).expect("a file");
    let error = refusal(folder.path());
    assert!(
        matches!(error, JournalError::OtherVersion { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("format 2, not 1"), "{error}");
    assert_eq!(std::fs::read(&path).expect("it is there"), newer);
    assert!(set_aside(folder.path()).is_empty());

    std::fs::rename(&path, folder.path().join("journal.redb")).expect("a file");
    let error = refusal(folder.path()).to_string();
    assert!(error.contains("journal.redb"), "{error}");
}

#[test]
fn every_way_of_forcing_it_to_the_disk_keeps_everything() {
    for sync in [JournalSync::Off, JournalSync::Interval, JournalSync::Always] {
        let folder = folder();
        let open = || {
            let opened = Journal::open(folder.path(), ROOM, sync, SystemTime::now());
            opened.expect("a journal")
        };
        let (mut journal, _) = open();
        commit(&mut journal, [done("ready", "x")]);
        let left = journal.take_unsynced();
        assert_eq!(left.is_empty(), sync != JournalSync::Interval, "{sync:?}");
        super::sync(&left).expect("it is forced");
        drop(journal);
        assert_eq!(ids(&open().1.unsent), ["ready".into()], "{sync:?}");
    }
}

/// A journal with a few records in it, as a killed process leaves it.
fn written(results: usize) -> Vec<u8> {
    let folder = folder();
    let (mut journal, _) = open(folder.path());
    for round in 0..results {
        let task = format!("t{round}");
        commit(&mut journal, [handed_out(&task, true)]);
        commit(&mut journal, [done(&task, "some text of a result")]);
    }
    // Copied while it is open: it was never closed.
    std::fs::read(files(folder.path()).remove(0)).expect("the file")
}

fn set_aside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".corrupt-"))
        .collect()
}

/// Whatever is in the file: the journal opens, and works, and invents nothing. Returns
/// how many results were there, and whether the file was set aside.
fn survives(image: &[u8]) -> (usize, bool) {
    let folder = folder();
    std::fs::write(folder.path().join("journal-0000000001.log"), image).expect("a file");
    let (mut journal, recovered) = open(folder.path());
    for recovery in recovered.unsent.iter().chain(&recovered.interrupted) {
        assert_eq!(recovery.orchestrator, HOME);
        if let Outcome::Completed(reply) = &recovery.result.outcome {
            assert_eq!(reply.data().as_str(), r#"{"text":"some text of a result"}"#);
        }
    }
    commit(&mut journal, [handed_out("new", true)]);
    drop(journal);
    let (_, again) = open(folder.path());
    assert_eq!(ids(&again.interrupted), ["new".into()]);
    let found = recovered.unsent.len() + recovered.interrupted.len();
    assert_eq!(again.unsent.len(), found, "nothing that was read is lost");
    (recovered.unsent.len(), !set_aside(folder.path()).is_empty())
}

#[test]
fn a_file_that_is_no_journal_is_set_aside() {
    assert_eq!(survives(b"not a journal"), (0, true));
    assert_eq!(
        survives(&[0; 4096]),
        (0, false),
        "space that was never written"
    );
    assert_eq!(
        survives(&written(20)),
        (20, false),
        "a killed process leaves a good one"
    );
}

#[test]
fn what_was_written_before_a_cut_is_read_wherever_it_is() {
    let whole = written(6);
    let mut most = 0;
    for cut in 0..whole.len() {
        let (results, is_aside) = survives(&whole[..cut]);
        assert!(!is_aside, "a cut is no damage: {cut}");
        assert!(
            results == most || results == most + 1,
            "{cut}: {results} after {most}"
        );
        most = results;
    }
    assert_eq!(most, 5, "the last one needs its last byte");
}

#[test]
fn damage_in_the_middle_costs_what_is_damaged_and_no_more() {
    let mut image = written(20);
    let middle = image.len() / 2;
    image[middle] ^= 0x55;
    let (results, is_aside) = survives(&image);
    assert!(is_aside);
    assert!(results >= 19, "{results}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_to_the_file_stops_the_worker(
        place in any::<prop::sample::Index>(), flip in 1u8.., run in 1usize..200, head in any::<bool>(),
    ) {
        let mut image = IMAGE.with(Clone::clone);
        let area = if head { 512 } else { image.len() };
        let place = place.index(area);
        let end = (place + run).min(image.len());
        for byte in &mut image[place..end] {
            *byte ^= flip;
        }
        survives(&image);
    }

    #[test]
    fn no_bytes_are_a_record_that_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in *b"hrgdfes?" {
            let mut bytes = bytes.clone();
            bytes.insert(0, kind);
            let _ = record::read(&bytes);
            let _ = record::read_live(&bytes);
        }
    }

    /// Whatever happens to tasks, and whenever the process is killed in between: the next
    /// one knows the last that was recorded of each.
    #[test]
    fn the_next_process_knows_the_last_of_each_task(
        steps in prop::collection::vec((0_u8..6, 0_u8..5, any::<bool>()), 1..60),
    ) {
        use std::collections::BTreeMap;

        let folder = folder();
        let (mut journal, _) = open(folder.path());
        // Whether it has a result; tasks that had none fail when the process is killed.
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        for (task, step, is_large) in steps {
            let task = format!("t{task}");
            let text = "x".repeat(if is_large { 150_000 } else { 10 });
            match step {
                0 => {
                    known.insert(task.clone(), false);
                    commit(&mut journal, [handed_out(&task, true)]);
                }
                1 => {
                    known.insert(task.clone(), true);
                    commit(&mut journal, [done(&task, &text)]);
                }
                2 => {
                    known.remove(&task);
                    commit(&mut journal, [change(&task, Slot::Gone)]);
                }
                3 => {
                    known.insert(task.clone(), true);
                    commit(&mut journal, [handed_out(&task, true), done(&task, &text)]);
                }
                _ => {
                    drop(journal);
                    let (next, recovered) = open(folder.path());
                    journal = next;
                    let with = |wanted: bool| -> Vec<TaskId> {
                        let some = known.iter().filter(|(_, result)| **result == wanted);
                        some.map(|(task, _)| task.as_str().into()).collect()
                    };
                    prop_assert_eq!(ids(&recovered.unsent), with(true));
                    prop_assert_eq!(ids(&recovered.interrupted), with(false));
                    for result in known.values_mut() {
 *result = true;
 }
                }
            }
        }
    }
}

thread_local! {
    static IMAGE: Vec<u8> = written(20);
}
