//! Actors of the user's own as handlers. Each runs in a system of its own, on a thread that
//! the worker knows nothing of, so the clock is the real one.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use axon_worker::config::Settings;
use axon_worker::middleware::{Next, TaskCall, Timeout};
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    CancelReason, ErrorCode, Outcome, RawJson, Reply, RunTask, TaskCancelled, TaskContext,
    TaskError, TaskId, TaskResult, Worker, WorkerBuilder, with_cancel,
};
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::log::Log;
use crate::support::{data, echo, failure, start};
use crate::until::until;

/// A web service, a game, a device: something that lives without the worker.
#[derive(Default)]
struct Service {
    seen: Arc<Mutex<Vec<String>>>,
    /// Tasks that wait for a message of somebody else's.
    waiting: Vec<oneshot::Sender<&'static str>>,
    total: i64,
}

impl Service {
    fn note(&self, line: impl Into<String>) {
        self.seen.lock().expect("not poisoned").push(line.into());
    }
}

impl Actor for Service {
    type Context = Context<Self>;
}

#[derive(Deserialize)]
struct Add {
    amount: i64,
}

#[derive(Serialize)]
struct Total {
    total: i64,
}

/// Typed both ways.
impl Handler<RunTask<Add, Total>> for Service {
    type Result = Result<Total, TaskError>;

    fn handle(&mut self, task: RunTask<Add, Total>, _: &mut Self::Context) -> Self::Result {
        match task.params().amount {
            0 => return Err(TaskError::new(ErrorCode::LimitExceeded, "nothing to add")),
            13 => panic!("unlucky"),
            _ => {}
        }
        self.total += task.params().amount;
        Ok(Total { total: self.total })
    }
}

/// A message that has nothing to do with tasks.
#[derive(Message)]
#[rtype(result = "i64")]
struct GetTotal;

impl Handler<GetTotal> for Service {
    type Result = i64;

    fn handle(&mut self, GetTotal: GetTotal, _: &mut Self::Context) -> i64 {
        self.total
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

impl Handler<Leave> for Service {
    type Result = ();

    fn handle(&mut self, Leave: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Answers the tasks that wait.
#[derive(Message)]
#[rtype(result = "()")]
struct Ring(&'static str);

impl Handler<Ring> for Service {
    type Result = ();

    fn handle(&mut self, Ring(word): Ring, _: &mut Self::Context) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(word);
        }
    }
}

/// Raw parameters, a status of its own, and an answer that comes later.
impl Handler<RunTask<RawJson>> for Service {
    type Result = ResponseFuture<Result<Reply, TaskError>>;

    fn handle(&mut self, task: RunTask<RawJson>, _: &mut Self::Context) -> Self::Result {
        let (params, task) = task.into_parts();
        self.note(format!("begins {}", task.task_id()));
        let (ring, rung) = oneshot::channel();
        self.waiting.push(ring);
        Box::pin(async move {
            let word = rung.await?;
            assert!(word != "panic", "in the future");
            Reply::status_with(word, &params)
        })
    }
}

impl Handler<TaskCancelled> for Service {
    type Result = ();

    fn handle(&mut self, cancelled: TaskCancelled, _: &mut Self::Context) {
        let task: &TaskContext = &cancelled.task;
        let reason = task.cancellation().reason();
        self.note(format!("cancelled {} {reason:?}", task.task_id()));
    }
}

/// Keeps the actor's thread from everything until the test lets it go.
#[derive(Message)]
#[rtype(result = "()")]
struct Block(Receiver<()>);

impl Handler<Block> for Service {
    type Result = ();

    fn handle(&mut self, Block(held): Block, _: &mut Self::Context) {
        self.note("blocked");
        let _ = held.recv();
    }
}

/// The service in its own system, which ends with the test.
struct Running {
    address: Addr<Service>,
    seen: Arc<Mutex<Vec<String>>>,
    system: System,
}

impl Running {
    fn start() -> Self {
        let (started, address) = channel();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let notes = seen.clone();
        std::thread::spawn(move || {
            let system = System::new();
            system.block_on(async {
                let service = Service {
                    seen: notes,
                    ..Service::default()
                };
                started.send((service.start(), System::current())).unwrap();
            });
            system.run().unwrap();
        });
        let (address, system) = address.recv().unwrap();
        Self {
            address,
            seen,
            system,
        }
    }

    fn lines(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }

    async fn has(&self, line: &str) {
        until(line, || self.lines().iter().any(|it| it == line)).await;
    }

    async fn block(&self) -> Sender<()> {
        let (release, held) = channel();
        self.address.do_send(Block(held));
        self.has("blocked").await;
        release
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.system.stop();
    }
}

fn worker(orchestrator: &MemoryOrchestrator, service: &Running) -> WorkerBuilder {
    let (address, seen) = (service.address.clone(), service.seen.clone());
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        // The service handles two kinds of tasks, so it is said which is meant.
        .task("add", address.clone().recipient::<RunTask<Add, Total>>())
        .task("wait", with_cancel::<_, RawJson, Reply>(address))
        .middleware_for(["wait", "add"], move |call, next| sent(&seen, call, next))
        .configure(|settings| settings.timing.cancel_grace = Duration::from_millis(50))
}

/// Notes when a task is in the actor's mailbox.
fn sent(seen: &Mutex<Vec<String>>, call: TaskCall, next: Next) -> LocalBoxFuture<'static, Outcome> {
    let line = format!("sent {}", call.task().task_id());
    let answer = next.run(call);
    seen.lock().expect("not poisoned").push(line);
    answer
}

async fn answer(orchestrator: &MemoryOrchestrator, id: &TaskId) -> TaskResult {
    let result = orchestrator.result_of(id);
    let result = tokio::time::timeout(Duration::from_secs(30), result).await;
    result.expect("a result in time")
}

async fn add(orchestrator: &MemoryOrchestrator, amount: Value) -> TaskResult {
    let id = orchestrator.submit("add", &json!({ "amount": amount }));
    answer(orchestrator, &id).await
}

#[actix_rt::test]
async fn tasks_and_other_messages_meet_in_one_mailbox() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    assert_eq!(data(&add(&orchestrator, json!(2)).await)["total"], 2);
    assert_eq!(data(&add(&orchestrator, json!(3)).await)["total"], 5);
    assert_eq!(service.address.send(GetTotal).await, Ok(5));
    handle.shutdown().await;
    assert_eq!(service.address.send(GetTotal).await, Ok(5), "it stays");
}

#[actix_rt::test]
async fn mistakes_and_errors_are_answered() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    let wrong = add(&orchestrator, json!("two")).await;
    assert_eq!(failure(&wrong).code(), &ErrorCode::InvalidInput);
    let text = failure(&wrong).message();
    assert!(text.starts_with("field `amount`: "), "{text}");
    let refused = add(&orchestrator, json!(0)).await;
    assert_eq!(failure(&refused).code(), &ErrorCode::LimitExceeded);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn answers_may_come_later_and_as_many_at_once_as_there_are_slots() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service)
        .max_concurrent_tasks(2)
        .spawn()
        .unwrap();
    let ids = [1, 2, 3].map(|n| orchestrator.submit("wait", &json!({ "n": n })));
    service.has("begins task-1").await;
    service.has("begins task-2").await;
    assert_eq!(orchestrator.queued(), 1, "no slot for the third");
    service.address.send(Ring("rung")).await.unwrap();
    service.has("begins task-3").await;
    service.address.send(Ring("rung")).await.unwrap();
    for (id, n) in ids.iter().zip(1..) {
        let result = answer(&orchestrator, id).await;
        assert_eq!(result.outcome.status(), "rung");
        assert_eq!(data(&result), json!({ "n": n }));
    }
    handle.shutdown().await;
}

#[actix_rt::test]
async fn after_a_panic_tasks_fail_with_the_name_of_the_actor_and_the_worker_lives_on() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    for amount in [13, 1] {
        let result = add(&orchestrator, json!(amount)).await;
        assert_eq!(failure(&result).code(), &ErrorCode::Transient);
        let text = failure(&result).message();
        assert!(text.starts_with("the actor of task add is gone"), "{text}");
    }
    let id = orchestrator.submit("echo", &json!({}));
    data(&answer(&orchestrator, &id).await);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_stopped_actor_fails_what_waits_and_what_comes() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    let release = service.block().await;
    service.address.do_send(Leave);
    let id = orchestrator.submit("add", &json!({ "amount": 1 }));
    service.has("sent task-1").await;
    release.send(()).unwrap();
    for result in [
        answer(&orchestrator, &id).await,
        add(&orchestrator, json!(1)).await,
    ] {
        let text = failure(&result).message();
        assert!(text.starts_with("the actor of task add is gone"), "{text}");
    }
    let id = orchestrator.submit("wait", &json!({}));
    let result = answer(&orchestrator, &id).await;
    let text = failure(&result).message();
    let named = "the actor of task wait, worker::addresses::Service, is gone";
    assert!(text.starts_with(named), "{text}");
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_panic_in_the_future_of_an_answer_leaves_the_actor_there() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    let id = orchestrator.submit("wait", &json!({}));
    service.has("begins task-1").await;
    service.address.send(Ring("panic")).await.unwrap();
    let result = answer(&orchestrator, &id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Transient);
    let text = failure(&result).message();
    assert!(text.contains("without an answer"), "{text}");
    data(&add(&orchestrator, json!(1)).await);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_cancel_is_told_and_the_slot_stays_until_the_actor_has_answered() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service)
        .max_concurrent_tasks(1)
        .spawn()
        .unwrap();
    let id = orchestrator.submit("wait", &json!({}));
    service.has("begins task-1").await;
    handle.cancel(id.as_str());
    let told = format!("cancelled task-1 {:?}", Some(CancelReason::Requested));
    service.has(&told).await;
    let result = answer(&orchestrator, &id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);

    let next = orchestrator.submit("echo", &json!({}));
    until("it is missed", || handle.status().abandoned == 1).await;
    assert_eq!(orchestrator.queued(), 1, "the slot is still taken");
    // Too late to be heard.
    service.address.send(Ring("rung")).await.unwrap();
    data(&answer(&orchestrator, &next).await);
    assert_eq!(orchestrator.count(Call::Deliver), 2);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_task_cancelled_in_the_mailbox_of_a_busy_actor_is_withdrawn_with_its_slot() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service)
        .max_concurrent_tasks(1)
        .configure(|settings| settings.timing.cancel_grace = Duration::from_hours(1))
        .spawn()
        .unwrap();
    let release = service.block().await;
    let id = orchestrator.submit("wait", &json!({}));
    service.has("sent task-1").await;
    handle.cancel(id.as_str());
    let result = answer(&orchestrator, &id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    let other = orchestrator.submit("echo", &json!({}));
    data(&answer(&orchestrator, &other).await);

    release.send(()).unwrap();
    service.address.send(GetTotal).await.unwrap();
    assert_eq!(service.lines(), ["blocked", "sent task-1"], "it never came");
    handle.shutdown().await;
}

#[actix_rt::test]
async fn time_limits_are_told_like_cancels() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service).spawn().unwrap();
    let params = RawJson::empty_object();
    let id = orchestrator.submit_with("wait", params, |task| {
        task.timeout = Some(Duration::from_millis(50));
    });
    let result = answer(&orchestrator, &id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Timeout);
    let told = format!("cancelled task-1 {:?}", Some(CancelReason::TimedOut));
    service.has(&told).await;
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_middleware_that_gives_up_is_told_too() {
    let (orchestrator, service) = (MemoryOrchestrator::new(), Running::start());
    let handle = worker(&orchestrator, &service)
        .middleware_for(["wait"], Timeout(Duration::from_millis(50)))
        .spawn()
        .unwrap();
    let id = orchestrator.submit("wait", &json!({}));
    let result = answer(&orchestrator, &id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Timeout);
    service.has("cancelled task-1 None").await;
    handle.shutdown().await;
}

/// An actor of one kind of task, for which the address alone says everything.
struct Doubler;

impl Actor for Doubler {
    type Context = Context<Self>;
}

impl Handler<RunTask<i64, i64>> for Doubler {
    type Result = Result<i64, TaskError>;

    fn handle(&mut self, task: RunTask<i64, i64>, _: &mut Self::Context) -> Self::Result {
        Ok(task.params() * 2)
    }
}

#[actix_rt::test]
async fn a_bare_address_is_enough() {
    let end = axon_worker::testing::call(Doubler.start()).params(&21);
    let end = end.await;
    assert_eq!(end.outcome.status(), "success", "{end:?}");
}

impl Handler<Leave> for Doubler {
    type Result = ();

    fn handle(&mut self, Leave: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[actix_rt::test]
async fn the_log_says_once_that_an_actor_is_gone() {
    let (log, _logging) = Log::begin();
    let (orchestrator, doubler) = (MemoryOrchestrator::new(), Doubler.start());
    let builder = Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("double", doubler.clone());
    start(builder).await;
    doubler.send(Leave).await.unwrap();
    for _ in 0..3 {
        let id = orchestrator.submit("double", &1);
        failure(&orchestrator.result_of(&id).await);
    }
    assert_eq!(log.lines_with("the actor of a task is gone"), 1);
}

#[cfg(feature = "contracts")]
#[test]
fn an_actor_can_have_a_contract() {
    let _ = System::new().block_on(async {
        Worker::builder("test").task("double", axon_worker::contract(Doubler.start()))
    });
}
