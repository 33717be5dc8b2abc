//! The journal against everything that can happen to a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::json;

use super::notes::{Change, HandOut, Journal, Recovered, Slot};
use super::{JournalError, record};
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{Outcome, Reply, TaskError, TaskResult};
use crate::{ErrorCode, TaskId};

const ROOM: u64 = 1024 * 1024;
const HOME: &str = "http://one.example.com";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(folder, ROOM, SystemTime::now()).expect("a journal")
}

fn change(task: &str, slot: Slot) -> Change {
    Change {
        orchestrator: HOME.into(),
        task_id: task.into(),
        slot,
    }
}

fn handed_out(task: &str, started: bool) -> Change {
    let out = HandOut {
        job_id: format!("job-of-{task}").into(),
        name: "crunch".into(),
        started,
        at: SystemTime::now(),
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
        journal.note(change);
    }
    journal.commit().expect("a commit");
}

fn ids<'a>(recovered: impl IntoIterator<Item = &'a super::notes::Recovery>) -> Vec<TaskId> {
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
                .unwrap(),
        ),
        Outcome::Failed(TaskError::new("TEAPOT", "short and stout").with_details(&odd)),
        Outcome::Failed(TaskError::permanent("no")),
        Outcome::Cancelled,
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
    for (before, after) in sent.iter().zip(&recovered.unsent) {
        assert_eq!(after.orchestrator, HOME);
        assert_eq!(after.result.task_id, before.task_id);
        assert_eq!(after.result.job_id, before.job_id);
        assert_eq!(after.result.name, before.name);
        assert_eq!(after.result.outcome, before.outcome);
        assert_eq!(after.result.ran_for, before.ran_for);
        assert_eq!(after.result.task_metadata, before.task_metadata);
    }
    assert_eq!(recovered.unsent.len(), sent.len());
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
        let Outcome::Failed(error) = &recovery.result.outcome else {
            panic!("a failure");
        };
        assert_eq!(error.code(), &ErrorCode::Transient);
        assert!(error.message().starts_with("the worker was restarted"));
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
    let error = Journal::open(folder.path(), ROOM, SystemTime::now()).unwrap_err();
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
    let error = Journal::open(&file.join("deeper"), ROOM, SystemTime::now()).unwrap_err();
    assert!(error.to_string().contains("AXON_JOURNAL_DIR"), "{error}");
}

#[test]
fn a_full_journal_says_so_until_there_is_room() {
    let folder = folder();
    let (mut journal, _) = Journal::open(folder.path(), 4000, SystemTime::now()).unwrap();
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

#[test]
fn the_room_of_what_was_delivered_is_used_again() {
    let folder = folder();
    let (mut journal, _) = open(folder.path());
    let long = "x".repeat(10_000);
    for round in 0..300 {
        let task = format!("t{round}");
        commit(&mut journal, [handed_out(&task, true)]);
        commit(&mut journal, [done(&task, &long)]);
        commit(&mut journal, [change(&task, Slot::Gone)]);
    }
    assert_eq!((journal.bytes(), journal.kept()), (0, 0));
    let size = folder.path().join("journal.redb").metadata().unwrap().len();
    assert!(size < 2_000_000, "{size} bytes for 3 MB that came and went");
}

#[test]
fn a_large_file_shrinks_again() {
    let folder = folder();
    let room = 1024 * ROOM;
    let (mut journal, _) = Journal::open(folder.path(), room, SystemTime::now()).unwrap();
    let tasks: Vec<_> = (0..60).map(|number| format!("t{number}")).collect();
    let long = "x".repeat(500_000);
    commit(&mut journal, tasks.iter().map(|task| done(task, &long)));
    let size = || folder.path().join("journal.redb").metadata().unwrap().len();
    assert!(size() > 30_000_000);
    commit(
        &mut journal,
        tasks.iter().map(|task| change(task, Slot::Gone)),
    );
    // Not only when it is closed, but while it runs.
    for number in 0..260 {
        commit(&mut journal, [done(&format!("small{number}"), "x")]);
    }
    assert!(size() < 16_000_000, "{} bytes for nothing", size());
}

/// A journal with a few notes in it, as a killed process leaves it.
fn written() -> Vec<u8> {
    let folder = folder();
    let (mut journal, _) = open(folder.path());
    for round in 0..20 {
        let task = format!("t{round}");
        commit(&mut journal, [handed_out(&task, true)]);
        commit(&mut journal, [done(&task, "some text of a result")]);
    }
    // Copied while it is open: it was never closed.
    std::fs::read(folder.path().join("journal.redb")).expect("the file")
}

fn set_aside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".corrupt-"))
        .collect()
}

/// Whatever is in the file: the journal opens, and works, and invents nothing.
fn survives(image: &[u8]) -> bool {
    let folder = folder();
    std::fs::write(folder.path().join("journal.redb"), image).expect("a file");
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
    !set_aside(folder.path()).is_empty()
}

#[test]
fn a_file_that_is_no_journal_is_set_aside() {
    assert!(survives(b"not a journal"));
    assert!(survives(&[0; 4096]));
    let whole = written();
    assert!(!survives(&whole), "a killed process leaves a good journal");
    for part in 1..8 {
        survives(&whole[..whole.len() * part / 8]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The store panics at some of these; nothing of that may come out.
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
    fn no_bytes_are_a_note_that_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in [b'h', b'r'] {
            let mut bytes = bytes.clone();
            bytes.insert(0, kind);
            let _ = record::read("t", &bytes);
        }
    }
}

thread_local! {
    static IMAGE: Vec<u8> = written();
}
