//! Handlers with state: the life of a state, its hooks, and what a panic does to it. They
//! have threads, so the clock is the real one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::middleware::{Next, TaskCall};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{
    CancelReason, ErrorCode, HandlerContext, Outcome, TaskContext, TaskError, TaskHandler, TaskId,
    TaskResult, Worker, WorkerBuilder, actor,
};
use serde_json::{Value, json};

use crate::support::{data, echo, failure};
use crate::until::until;

/// What a state went through, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("not poisoned").push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }

    async fn has(&self, line: &str) {
        until(line, || self.lines().iter().any(|it| it == line)).await;
    }
}

/// Does what its parameters say, and breaks where the test wants it to.
struct Patient {
    number: u64,
    diary: Diary,
    breaks: &'static str,
    context: Option<HandlerContext>,
}

impl Patient {
    fn note(&self, what: &str) {
        self.diary.note(format!("{what} {}", self.number));
    }

    fn may_break(&self, at: &str) {
        assert!(self.breaks != at, "broken in {at}");
    }
}

impl TaskHandler for Patient {
    type Params = String;
    type Output = u64;

    async fn handle(&mut self, params: String, task: TaskContext) -> Result<u64, TaskError> {
        self.note("handles");
        match params.as_str() {
            "panic" => panic!("as asked"),
            "wait" => std::future::pending().await,
            "wait for the token" => task.cancellation().cancelled().await,
            "renew" => self.context.as_ref().expect("started").renew(),
            "leave" => assert!(actix_rt::Arbiter::current().stop()),
            _ => {}
        }
        Ok(self.number)
    }

    async fn started(&mut self, handler: &HandlerContext) -> Result<(), TaskError> {
        self.note("started");
        self.context = Some(handler.clone());
        if self.breaks == "refuses" && self.number == 1 {
            return Err(TaskError::permanent("no such device"));
        }
        if self.number == 1 {
            self.may_break("started");
        }
        Ok(())
    }

    async fn cancelled(&mut self, task: &TaskContext, _: &HandlerContext) {
        let reason = task.cancellation().reason();
        self.note(&format!("cancelled {reason:?}"));
        self.may_break("cancelled");
    }

    async fn stopped(&mut self, handler: &HandlerContext) {
        self.note(&format!("stopped as {}", handler.name()));
        self.may_break("stopped");
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        self.note("dropped");
        self.may_break("drop");
    }
}

/// A worker whose task `patient` has states with numbers, which break at one place.
fn worker(orchestrator: &MemoryOrchestrator, breaks: &'static str) -> (WorkerBuilder, Diary) {
    let (diary, numbers) = (Diary::default(), AtomicU64::new(0));
    let notes = diary.clone();
    let make = move || {
        Ok(Patient {
            number: numbers.fetch_add(1, Ordering::SeqCst) + 1,
            diary: notes.clone(),
            breaks,
            context: None,
        })
    };
    let builder = Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .task("patient", actor(make))
        .configure(|settings| settings.timing.cancel_grace = Duration::from_millis(50));
    (builder, diary)
}

async fn ask(orchestrator: &MemoryOrchestrator, params: &str) -> TaskResult {
    let id = orchestrator.submit("patient", &params);
    answer(orchestrator, &id).await
}

/// The result, or a failure of the test long before anybody would give up.
async fn answer(orchestrator: &MemoryOrchestrator, id: &TaskId) -> TaskResult {
    let result = orchestrator.result_of(id);
    let result = tokio::time::timeout(Duration::from_secs(30), result).await;
    result.expect("a result in time")
}

fn number(result: &TaskResult) -> Value {
    data(result)["result"].clone()
}

#[actix_rt::test]
async fn a_state_is_started_once_and_stopped_before_the_worker_has_ended() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    ask(&orchestrator, "").await;
    ask(&orchestrator, "").await;
    handle.shutdown().await;
    assert_eq!(
        diary.lines(),
        [
            "started 1",
            "handles 1",
            "handles 1",
            "stopped as patient 1",
            "dropped 1"
        ]
    );
}

#[actix_rt::test]
async fn a_handler_without_tasks_has_no_state_and_nothing_to_stop() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    orchestrator.knows_workers(1).await;
    handle.shutdown().await;
    assert!(diary.lines().is_empty());
}

#[actix_rt::test]
async fn mistaken_parameters_make_no_state() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    let id = orchestrator.submit("patient", &7);
    let result = answer(&orchestrator, &id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::InvalidInput);
    assert!(diary.lines().is_empty());
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_state_is_told_of_a_cancel_when_its_future_is_gone_and_goes_on() {
    for waits in ["wait", "wait for the token"] {
        let orchestrator = MemoryOrchestrator::new();
        let (builder, diary) = worker(&orchestrator, "");
        let handle = builder.spawn().unwrap();
        let id = orchestrator.submit("patient", &waits);
        diary.has("handles 1").await;
        handle.cancel(id.as_str());
        let result = answer(&orchestrator, &id).await;
        assert_eq!(result.outcome, Outcome::Cancelled, "{waits}");
        assert_eq!(number(&ask(&orchestrator, "").await), 1, "the same state");
        let told = format!("cancelled {:?} 1", Some(CancelReason::Requested));
        assert_eq!(
            diary.lines(),
            ["started 1", "handles 1", &told, "handles 1"]
        );
        handle.shutdown().await;
    }
}

#[actix_rt::test]
async fn a_state_that_asks_to_be_replaced_is_stopped_first() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    assert_eq!(number(&ask(&orchestrator, "renew").await), 1);
    assert_eq!(number(&ask(&orchestrator, "").await), 2);
    assert_eq!(
        diary.lines(),
        [
            "started 1",
            "handles 1",
            "stopped as patient 1",
            "dropped 1",
            "started 2",
            "handles 2"
        ]
    );
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_panic_drops_the_state_without_another_word() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    let result = ask(&orchestrator, "panic").await;
    assert_eq!(failure(&result).message(), "the handler panicked: as asked");
    assert_eq!(number(&ask(&orchestrator, "").await), 2);
    assert_eq!(
        diary.lines(),
        [
            "started 1",
            "handles 1",
            "dropped 1",
            "started 2",
            "handles 2"
        ]
    );
    handle.shutdown().await;
}

/// Wherever a state breaks, the next task has a state that works.
#[actix_rt::test]
async fn no_panic_of_a_state_reaches_the_tasks_after_it() {
    for (breaks, params) in [
        ("drop", "panic"),
        ("drop", "renew"),
        ("stopped", "renew"),
        ("cancelled", "wait"),
        ("started", ""),
    ] {
        let orchestrator = MemoryOrchestrator::new();
        let (builder, diary) = worker(&orchestrator, breaks);
        let handle = builder.spawn().unwrap();
        let id = orchestrator.submit("patient", &params);
        if params == "wait" {
            diary.has("handles 1").await;
            handle.cancel(id.as_str());
        }
        let broken = answer(&orchestrator, &id).await;
        match (breaks, params) {
            ("started", _) => assert_eq!(
                failure(&broken).message(),
                "the handler panicked: broken in started"
            ),
            (_, "renew") => assert_eq!(number(&broken), 1),
            (_, "panic") => assert_eq!(failure(&broken).code(), &ErrorCode::Transient),
            _ => assert_eq!(broken.outcome, Outcome::Cancelled),
        }

        for _ in 0..2 {
            let next = ask(&orchestrator, "").await;
            assert_eq!(number(&next), 2, "{breaks} {params}: {:?}", diary.lines());
        }
        let report = handle.shutdown().await;
        assert_eq!(report.stuck, 0);
    }
}

#[actix_rt::test]
async fn a_state_that_cannot_start_fails_its_task_and_the_next_one_makes_another() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, diary) = worker(&orchestrator, "refuses");
    let handle = builder.spawn().unwrap();
    let result = ask(&orchestrator, "").await;
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    assert_eq!(failure(&result).message(), "no such device");
    assert_eq!(number(&ask(&orchestrator, "").await), 2);
    assert_eq!(
        diary.lines(),
        ["started 1", "dropped 1", "started 2", "handles 2"]
    );
    handle.shutdown().await;
}

#[actix_rt::test]
async fn an_actor_whose_thread_is_gone_is_replaced() {
    let orchestrator = MemoryOrchestrator::new();
    let (builder, _) = worker(&orchestrator, "");
    let handle = builder.spawn().unwrap();
    let _ = ask(&orchestrator, "leave").await;
    assert_eq!(number(&ask(&orchestrator, "").await), 2);
    handle.shutdown().await;
}

/// Blocks its thread until the test lets it go.
struct Blocked(Receiver<()>, Diary);

impl TaskHandler for Blocked {
    type Params = Value;
    type Output = ();

    async fn handle(&mut self, _: Value, _: TaskContext) -> Result<(), TaskError> {
        self.1.note("blocked");
        let _ = self.0.recv();
        Ok(())
    }
}

fn blocked(diary: &Diary) -> (Sender<()>, impl Fn() -> Result<Blocked, TaskError> + use<>) {
    let (release, held) = channel();
    let (held, diary) = (Mutex::new(Some(held)), diary.clone());
    let make = move || {
        let held = held.lock().expect("not poisoned").take();
        let held = held.ok_or_else(|| TaskError::permanent("made twice"))?;
        Ok(Blocked(held, diary.clone()))
    };
    (release, make)
}

#[actix_rt::test]
async fn a_task_cancelled_behind_a_busy_handler_leaves_at_once_with_its_slot() {
    let (orchestrator, diary) = (MemoryOrchestrator::new(), Diary::default());
    let ((release, make), notes) = (blocked(&diary), diary.clone());
    let handle = Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .task("blocked", actor(make))
        .middleware_for(["blocked"], move |call: TaskCall, next: Next| {
            let line = format!("sent {}", call.task().task_id());
            let answer = next.run(call);
            notes.note(line);
            answer
        })
        .max_concurrent_tasks(2)
        // Nobody waits for this in the test.
        .configure(|settings| settings.timing.cancel_grace = Duration::from_hours(1))
        .spawn()
        .unwrap();
    let busy = orchestrator.submit("blocked", &());
    diary.has("blocked").await;
    let waiting = orchestrator.submit("blocked", &());
    diary.has("sent task-2").await;

    handle.cancel(waiting.as_str());
    let result = answer(&orchestrator, &waiting).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    // Only a free slot takes it.
    let other = orchestrator.submit("echo", &json!({}));
    answer(&orchestrator, &other).await;

    release.send(()).unwrap();
    data(&answer(&orchestrator, &busy).await);
    drop(release);
    let next = orchestrator.submit("blocked", &());
    data(&answer(&orchestrator, &next).await);
    handle.shutdown().await;
    let lines = diary.lines();
    let ran = lines.iter().filter(|it| *it == "blocked").count();
    assert_eq!(ran, 2, "the cancelled one never did: {lines:?}");
}
