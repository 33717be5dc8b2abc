//! Actors as middleware.

use std::sync::{Arc, Mutex};

use actix::prelude::*;
use axon_worker::middleware::{self, AfterTask, Before, BeforeTask, Injected, Then};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{ErrorCode, Outcome, RawJson, Reply, TaskError};
use serde_json::{Value, json};

use crate::support::{Gate, SECOND, data, failure, reported, start, worker};
use crate::until::until;

type Seen = Arc<Mutex<Vec<String>>>;

/// Does what the parameters say, and takes note of what it hears.
struct Watcher {
    calls: u64,
    seen: Seen,
}

struct Number(u64);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Watcher {
    fn note(&self, line: String) {
        self.seen.lock().expect("not poisoned").push(line);
    }
}

impl Handler<BeforeTask> for Watcher {
    type Result = Before;

    fn handle(&mut self, call: BeforeTask, _: &mut Self::Context) -> Before {
        self.calls += 1;
        let params: Value = call.params.parse().expect("JSON");
        self.note(format!("{} begins {}", call.task.name(), call.attempt));
        call.task.insert(Number(self.calls));
        match params["watcher"].as_str() {
            Some("panic") => panic!("the watcher breaks"),
            Some("answer") => Before::Instead(Outcome::Completed(Reply::success(&1).unwrap())),
            Some("replace") => Before::ProceedWith(RawJson::empty_object()),
            _ => Before::Proceed,
        }
    }
}

impl Handler<AfterTask> for Watcher {
    type Result = Then;

    fn handle(&mut self, call: AfterTask, _: &mut Self::Context) -> Then {
        let (name, status) = (call.task.name(), call.outcome.status());
        self.note(format!("{name} ends {} {status}", call.attempt));
        match &call.outcome {
            Outcome::Failed(error) if error.message() == "once more" && call.attempt < 3 => {
                Then::Again(SECOND)
            }
            _ => Then::Return(call.outcome),
        }
    }
}

async fn numbered(_: Value, number: Injected<Number>) -> Result<u64, TaskError> {
    Ok(number.0)
}

async fn once_more(_: Value) -> Result<(), TaskError> {
    Err(TaskError::transient("once more"))
}

async fn panics(_: Value) -> Result<(), TaskError> {
    panic!("out of cheese")
}

/// A worker with a watcher, and what the watcher notes.
async fn watched(
    orchestrator: &MemoryOrchestrator,
    gate: &Arc<Gate>,
) -> (axon_worker::WorkerHandle, Seen) {
    let seen = Seen::default();
    let watcher = Watcher {
        calls: 0,
        seen: seen.clone(),
    };
    let builder = worker(orchestrator, gate)
        .task("numbered", numbered)
        .task("once_more", once_more)
        .task("panics", panics)
        .middleware(middleware::address(watcher.start()));
    (start(builder).await, seen)
}

fn lines(seen: &Seen) -> Vec<String> {
    seen.lock().expect("not poisoned").clone()
}

#[actix_rt::test]
async fn an_actor_injects_answers_and_replaces() {
    let orchestrator = MemoryOrchestrator::new();
    let (_, seen) = watched(&orchestrator, &Gate::closed()).await;
    for expected in [1, 2] {
        let id = orchestrator.submit("numbered", &json!({}));
        assert_eq!(
            data(&orchestrator.result_of(&id).await),
            json!({ "result": expected })
        );
    }
    let id = orchestrator.submit("echo", &json!({"watcher": "answer"}));
    assert_eq!(
        data(&orchestrator.result_of(&id).await),
        json!({"result": 1})
    );
    let id = orchestrator.submit("echo", &json!({"watcher": "replace"}));
    assert_eq!(data(&orchestrator.result_of(&id).await), json!({}));
    assert_eq!(
        lines(&seen),
        [
            "numbered begins 1",
            "numbered ends 1 success",
            "numbered begins 1",
            "numbered ends 1 success",
            "echo begins 1",
            "echo begins 1",
            "echo ends 1 success",
        ]
    );
}

#[actix_rt::test]
async fn an_actor_may_ask_for_another_attempt() {
    let orchestrator = MemoryOrchestrator::new();
    let (_, seen) = watched(&orchestrator, &Gate::closed()).await;
    let id = orchestrator.submit("once_more", &json!({}));
    failure(&orchestrator.result_of(&id).await);
    let begun = lines(&seen)
        .iter()
        .filter(|it| it.contains("begins"))
        .count();
    assert_eq!(begun, 3);
}

#[actix_rt::test]
async fn an_actor_hears_of_every_end() {
    let orchestrator = MemoryOrchestrator::new();
    let gate = Gate::closed();
    let (handle, seen) = watched(&orchestrator, &gate).await;
    let id = orchestrator.submit("panics", &json!({}));
    let result = orchestrator.result_of(&id).await;
    assert!(failure(&result).message().contains("out of cheese"));
    let id = orchestrator.submit("gated", &json!({}));
    gate.runs(1).await;
    handle.cancel(id.as_str());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    tokio::time::sleep(SECOND).await;
    assert_eq!(
        lines(&seen),
        [
            "panics begins 1",
            "panics ends 1 failure",
            "gated begins 1",
            "gated ends 1 cancelled",
        ]
    );
}

#[actix_rt::test]
async fn after_a_panic_the_actor_is_made_anew() {
    let orchestrator = MemoryOrchestrator::new();
    let seen = Seen::default();
    let notes = seen.clone();
    let make = move || Watcher {
        calls: 0,
        seen: notes.clone(),
    };
    let builder = worker(&orchestrator, &Gate::closed())
        .task("numbered", numbered)
        .middleware(middleware::actor(make));
    let handle = builder.build().expect("a worker").spawn().expect("started");
    for (params, expected) in [
        (json!({}), Some(1)),
        (json!({}), Some(2)),
        (json!({"watcher": "panic"}), None),
        (json!({}), Some(1)),
    ] {
        let id = orchestrator.submit("numbered", &params);
        let result = orchestrator.result_of(&id).await;
        match expected {
            Some(number) => assert_eq!(data(&result), json!({ "result": number })),
            None => {
                assert_eq!(failure(&result).code(), &ErrorCode::Transient);
                assert!(failure(&result).message().contains("Watcher"));
            }
        }
    }
    handle.shutdown().await;
}

/// Sends word when its thread ends.
struct ThreadEnds(std::sync::mpsc::Sender<()>);

impl Drop for ThreadEnds {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

thread_local! {
    static ENDS: std::cell::RefCell<Option<ThreadEnds>> = const { std::cell::RefCell::new(None) };
}

#[actix_rt::test]
async fn the_thread_of_an_actor_that_panicked_ends() {
    let orchestrator = MemoryOrchestrator::new();
    let (sender, ended) = std::sync::mpsc::channel();
    let make = move || {
        ENDS.set(Some(ThreadEnds(sender.clone())));
        Watcher {
            calls: 0,
            seen: Seen::default(),
        }
    };
    let builder = worker(&orchestrator, &Gate::closed())
        .task("numbered", numbered)
        .middleware(middleware::actor(make));
    let handle = builder.build().expect("a worker").spawn().expect("started");
    for _ in 0..3 {
        let id = orchestrator.submit("numbered", &json!({"watcher": "panic"}));
        failure(&orchestrator.result_of(&id).await);
        let gone = ended.recv_timeout(std::time::Duration::from_secs(30));
        gone.expect("its thread has ended");
    }
    handle.shutdown().await;
}

/// Lets calls through when the test says so.
struct Slow {
    go: std::sync::mpsc::Receiver<()>,
    seen: Seen,
}

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<BeforeTask> for Slow {
    type Result = Before;

    fn handle(&mut self, call: BeforeTask, _: &mut Self::Context) -> Before {
        let line = format!("{} begins", call.task.task_id());
        self.seen.lock().expect("not poisoned").push(line);
        let _ = self.go.recv();
        Before::Proceed
    }
}

impl Handler<AfterTask> for Slow {
    type Result = Then;

    fn handle(&mut self, call: AfterTask, _: &mut Self::Context) -> Then {
        let line = format!("{} ends {}", call.task.task_id(), call.outcome.status());
        self.seen.lock().expect("not poisoned").push(line);
        Then::Return(call.outcome)
    }
}

#[actix_rt::test]
async fn a_task_cancelled_behind_a_busy_actor_leaves_at_once_and_its_end_is_told() {
    let (orchestrator, seen) = (MemoryOrchestrator::new(), Seen::default());
    let (release, held) = std::sync::mpsc::channel();
    let (held, notes) = (Mutex::new(Some(held)), seen.clone());
    let make = move || Slow {
        go: held
            .lock()
            .expect("not poisoned")
            .take()
            .expect("made once"),
        seen: notes.clone(),
    };
    let builder = worker(&orchestrator, &Gate::closed())
        .middleware(middleware::actor(make))
        // Nobody waits for this in the test.
        .configure(|settings| settings.timing.cancel_grace = 3600 * SECOND);
    let handle = builder.build().expect("a worker").spawn().expect("started");
    let first = orchestrator.submit("echo", &json!({}));
    until("the actor is busy", || !lines(&seen).is_empty()).await;
    let second = orchestrator.submit("echo", &json!({}));
    reported(&orchestrator, 2).await;
    handle.cancel(second.as_str());
    let result = tokio::time::timeout(30 * SECOND, orchestrator.result_of(&second)).await;
    assert_eq!(result.expect("in time").outcome, Outcome::Cancelled);

    release.send(()).unwrap();
    release.send(()).unwrap();
    data(&orchestrator.result_of(&first).await);
    handle.shutdown().await;
    let told = |id: &str| {
        let lines = lines(&seen).into_iter();
        lines.filter(|it| it.starts_with(id)).collect::<Vec<_>>()
    };
    assert_eq!(told("task-1"), ["task-1 begins", "task-1 ends success"]);
    // It may have been cancelled before it came here.
    let second = told("task-2");
    assert!(
        second.is_empty() || second == ["task-2 begins", "task-2 ends cancelled"],
        "{second:?}"
    );
}
