//! Models in memory: loaded once, held while they are used, sent away for others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::models::{Eviction, Model, Models, ModelsBuilder};
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::{
    ErrorCode, Outcome, TaskContext, TaskError, TaskResult, WorkerBuilder, blocking,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Gate, SECOND, data, failure, start, worker};

/// What happened to models, in order.
#[derive(Debug, Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: &str, model: &str) {
        let mut notes = self.0.lock().expect("no panic in here");
        notes.push(format!("{what} {model}"));
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().expect("no panic in here").clone()
    }
}

struct Net {
    name: String,
    log: Log,
}

impl Drop for Net {
    fn drop(&mut self) {
        self.log.note("drop", &self.name);
    }
}

/// Models that take a minute to load; the cost of `b3` is 3.
fn slow(log: &Log) -> ModelsBuilder<Net> {
    let log = log.clone();
    let load = move |name: String| {
        let log = log.clone();
        async move {
            log.note("load", &name);
            tokio::time::sleep(60 * SECOND).await;
            Ok(Net { name, log })
        }
    };
    Models::loader(load).cost(cost)
}

fn cost(name: &str) -> Result<u64, TaskError> {
    Ok(name[1..].parse()?)
}

#[derive(Deserialize)]
struct Use {
    model: String,
    seconds: u64,
}

/// Holds a model for some time.
async fn use_one(params: Use, models: Models<Net>) -> Result<String, TaskError> {
    let net = models.get(&params.model).await?;
    tokio::time::sleep(Duration::from_secs(params.seconds)).await;
    Ok(net.name.clone())
}

/// Holds one after the other, and all of them at the end.
async fn use_all(names: Vec<String>, models: Models<Net>) -> Result<usize, TaskError> {
    let mut held = Vec::new();
    for name in &names {
        held.push(models.get(name).await?);
    }
    Ok(held.len())
}

fn user(orchestrator: &MemoryOrchestrator, models: &Models<Net>) -> WorkerBuilder {
    worker(orchestrator, &Gate::closed())
        .models(models.clone())
        .task("use", use_one)
        .task("use_all", use_all)
}

/// What the handler returned, which was no object.
fn value(result: &TaskResult) -> Value {
    data(result)["result"].clone()
}

fn wants(model: &str, seconds: u64) -> Value {
    json!({ "model": model, "seconds": seconds })
}

#[actix_rt::test]
async fn tasks_that_want_one_model_wait_for_one_load() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let models = slow(&log).build();
    start(user(&orchestrator, &models)).await;
    for _ in 0..6 {
        orchestrator.submit("use", &wants("a1", 5));
    }
    let results = orchestrator.results(6).await;
    assert!(results.iter().all(|result| value(result) == json!("a1")));
    assert_eq!(log.read(), ["load a1"]);
    let status = &models.list()[0];
    assert_eq!(
        (&*status.name, status.cost, status.holders),
        ("a1", 1, Some(0))
    );
}

#[actix_rt::test]
async fn a_load_that_fails_or_panics_fails_all_who_wait_and_is_tried_again_for_the_next() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let tries = Arc::new(AtomicUsize::new(0));
    let load = {
        let log = log.clone();
        move |name: String| {
            let (log, attempt) = (log.clone(), tries.fetch_add(1, Ordering::SeqCst));
            async move {
                tokio::time::sleep(SECOND).await;
                match attempt {
                    0 => Err(TaskError::new(ErrorCode::DependencyMissing, "no such file")),
                    1 => panic!("out of luck"),
                    _ => Ok(Net { name, log }),
                }
            }
        }
    };
    start(user(&orchestrator, &Models::loader(load).build())).await;
    let three = || async {
        let ids = [(); 3].map(|()| orchestrator.submit("use", &wants("a1", 0)));
        let mut results = Vec::new();
        for id in &ids {
            results.push(orchestrator.result_of(id).await);
        }
        results
    };
    for result in three().await {
        let error = failure(&result);
        assert_eq!(error.code(), &ErrorCode::DependencyMissing);
        assert_eq!(error.message(), "model \"a1\": no such file");
    }
    for result in three().await {
        let error = failure(&result);
        assert_eq!(error.code(), &ErrorCode::Transient);
        assert_eq!(
            error.message(),
            "loading the model \"a1\" panicked: out of luck"
        );
    }
    for result in three().await {
        assert_eq!(value(&result), json!("a1"));
    }
}

#[actix_rt::test]
async fn who_is_called_off_takes_no_load_along_and_without_anybody_it_goes_on() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let models = slow(&log).build();
    let handle = start(user(&orchestrator, &models)).await;
    let ids = [(); 2].map(|()| orchestrator.submit("use", &wants("a1", 0)));
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(log.read(), ["load a1"]);
    for id in &ids {
        let began = tokio::time::Instant::now();
        handle.cancel(id.as_str());
        let result = orchestrator.result_of(id).await;
        assert_eq!(result.outcome, Outcome::Cancelled);
        assert!(began.elapsed() < SECOND, "no need for the grace time");
    }
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(models.list()[0].holders, Some(0));
    let began = tokio::time::Instant::now();
    let id = orchestrator.submit("use", &wants("a1", 0));
    orchestrator.result_of(&id).await;
    assert!(began.elapsed() < SECOND);
    assert_eq!(log.read(), ["load a1"]);
}

#[actix_rt::test]
async fn the_hot_cache_follows_and_a_burst_is_one_beat() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let load = {
        let log = log.clone();
        move |name: String| {
            let log = log.clone();
            async move { Ok(Net { name, log }) }
        }
    };
    let models = Models::loader(load).build();
    start(user(&orchestrator, &models)).await;
    tokio::time::sleep(SECOND).await;
    let beats = orchestrator.count(Call::Heartbeat);
    let id = orchestrator.submit("use_all", &["vae", "x", "sd-1.5", "y"]);
    orchestrator.result_of(&id).await;
    models.evict("x");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(orchestrator.count(Call::Heartbeat), beats + 1);
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert_eq!(*last.hot_cache, ["sd-1.5", "vae", "y"].map(str::to_owned));
    assert_eq!(*last.hot_skills, ["paint".to_owned()]);

    for name in ["vae", "y", "sd-1.5"] {
        assert_eq!(models.evict(name), Eviction::Begun);
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(orchestrator.count(Call::Heartbeat), beats + 2);
    let last = orchestrator.reports().pop().expect("a heartbeat");
    assert!(last.hot_cache.is_empty() && last.hot_skills.is_empty());
}

#[actix_rt::test]
async fn who_needs_room_waits_for_those_who_hold_it_and_for_the_hook() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let hook = {
        let log = log.clone();
        move |name: String, net: Net| {
            let log = log.clone();
            async move {
                log.note("evict", &name);
                tokio::time::sleep(10 * SECOND).await;
                drop(net);
            }
        }
    };
    let models = slow(&log).budget(5).on_evict(hook).build();
    start(user(&orchestrator, &models)).await;
    let began = tokio::time::Instant::now();
    let first = orchestrator.submit("use", &wants("a3", 100));
    let other = orchestrator.submit("use", &wants("b2", 0));
    orchestrator.result_of(&other).await;
    let second = orchestrator.submit("use", &wants("c4", 0));
    tokio::time::sleep(SECOND).await;
    assert_eq!(models.used(), 5);
    orchestrator.result_of(&first).await;
    assert!(began.elapsed() >= 160 * SECOND);
    orchestrator.result_of(&second).await;
    assert!(began.elapsed() >= 230 * SECOND, "{:?}", began.elapsed());
    let expected = [
        "load a3", "load b2", "evict b2", "evict a3", "drop b2", "drop a3", "load c4",
    ];
    assert_eq!(log.read(), expected);
    assert_eq!(models.used(), 4);
}

#[actix_rt::test]
async fn what_can_never_fit_is_a_clear_error() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    start(user(&orchestrator, &slow(&log).budget(5).build())).await;
    let error = |result: &TaskResult| {
        let error = failure(result);
        assert_eq!(error.code(), &ErrorCode::ResourceExhausted);
        error.message().to_owned()
    };
    let id = orchestrator.submit("use", &wants("a6", 0));
    let text = error(&orchestrator.result_of(&id).await);
    assert_eq!(text, "model \"a6\": its cost of 6 exceeds the budget of 5");
    // It would wait for itself.
    let id = orchestrator.submit("use_all", &["a3", "b3"]);
    let text = error(&orchestrator.result_of(&id).await);
    assert!(text.contains("the 3 of what the task holds"), "{text}");
    let id = orchestrator.submit("use", &wants("?", 0));
    let result = orchestrator.result_of(&id).await;
    assert!(failure(&result).message().starts_with("model \"?\": "));
}

/// Asks again for what it holds, after it was evicted.
async fn twice(_: Value, models: Models<Net>, other: Models<Net>) -> Result<bool, TaskError> {
    let one = models.get("a1").await?;
    let eviction = models.evict("a1");
    let again = other.get("a1").await?;
    let name = Model::name(&again) == Model::name(&one);
    Ok(name && eviction == Eviction::WhenFree)
}

#[actix_rt::test]
async fn a_task_gets_again_what_it_holds_even_if_nobody_else_would() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let models = slow(&log).budget(1).build();
    start(user(&orchestrator, &models).task("twice", twice)).await;
    let id = orchestrator.submit("twice", &());
    assert_eq!(value(&orchestrator.result_of(&id).await), json!(true));
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.read(), ["load a1", "drop a1"]);
    let id = orchestrator.submit("use", &wants("a1", 0));
    orchestrator.result_of(&id).await;
    assert_eq!(log.read(), ["load a1", "drop a1", "load a1"]);
}

#[actix_rt::test]
async fn a_hook_that_panics_ends_nothing_else() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let hook = |_: String, _: Net| async { panic!("not today") };
    let models = slow(&log).budget(1).on_evict(hook).build();
    start(user(&orchestrator, &models)).await;
    for model in ["a1", "b1", "a1"] {
        let id = orchestrator.submit("use", &wants(model, 0));
        assert_eq!(value(&orchestrator.result_of(&id).await), json!(model));
    }
    let expected = ["load a1", "drop a1", "load b1", "drop b1", "load a1"];
    assert_eq!(log.read(), expected);
}

#[actix_rt::test]
async fn what_is_preloaded_is_hot_without_any_task() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let models = slow(&log).budget(3).preload(["a1", "b2"]).build();
    start(user(&orchestrator, &models).skill_dependency("use", ["a1", "b2"])).await;
    orchestrator.called(Call::Register, 1).await;
    let hot = orchestrator
        .report_where(|report| report.hot_cache.len() == 2)
        .await;
    assert!(hot.hot_skills.contains(&"use".to_owned()));
    assert_eq!(log.read(), ["load a1", "load b2"]);
}

#[actix_rt::test]
async fn what_does_not_fit_together_is_told_when_the_worker_is_built() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let without = worker(&orchestrator, &Gate::closed()).task("use", use_one);
    let text = without.build().unwrap_err().to_string();
    let expected = "the handler of task \"use\" asks for Models<worker::models::Net>, which";
    assert!(text.contains(expected), "{text}");
    let models = slow(&log).budget(3).preload(["a2", "b2"]).build();
    let twice = user(&orchestrator, &models).models(models.clone());
    let text = twice.build().unwrap_err().to_string();
    assert!(
        text.contains("preload costs 4, more than the budget of 3"),
        "{text}"
    );
    assert!(text.contains("are given twice"), "{text}");
}

#[actix_rt::test]
async fn at_the_end_all_models_leave() {
    let (orchestrator, log) = (MemoryOrchestrator::new(), Log::default());
    let models = slow(&log).build();
    let handle = start(user(&orchestrator, &models)).await;
    let id = orchestrator.submit("use_all", &["a1", "b1"]);
    orchestrator.result_of(&id).await;
    assert!(handle.shutdown().await.is_clean());
    assert_eq!(log.read()[2..].len(), 2, "{:?}", log.read());
    assert_eq!(models.used(), 0);
    let error = models.get("a1").await.expect_err("it has ended");
    assert!(error.message().contains("has ended"), "{error}");
}

#[actix_rt::test]
async fn models_that_two_workers_share_leave_with_the_last_one() {
    let log = Log::default();
    let models = slow(&log).build();
    let orchestrators = [MemoryOrchestrator::new(), MemoryOrchestrator::new()];
    let first = start(user(&orchestrators[0], &models)).await;
    let second = user(&orchestrators[1], &models).build().expect("a worker");
    let id = orchestrators[0].submit("use", &wants("a1", 0));
    orchestrators[0].result_of(&id).await;
    let second = second.spawn_local().await.expect("a started worker");
    let has_it = |report: &axon_worker::transport::Report| report.hot_cache.len() == 1;
    orchestrators[1].report_where(has_it).await;
    first.shutdown().await;
    let id = orchestrators[1].submit("use", &wants("a1", 0));
    orchestrators[1].result_of(&id).await;
    assert_eq!(log.read(), ["load a1"]);
    second.shutdown().await;
    assert_eq!(log.read(), ["load a1", "drop a1"]);
}

fn sum_now(name: String, models: Models<Vec<u64>>) -> Result<u64, TaskError> {
    let model = models.get_blocking(&name)?;
    Ok(model.iter().sum())
}

async fn sum(name: String, task: TaskContext) -> Result<u64, TaskError> {
    use axon_worker::FromTask;
    let models: Models<Vec<u64>> = Models::from_task(&task)?;
    Ok(models.get(&name).await?.iter().sum())
}

/// On real threads, one of them for handlers: a load that blocks keeps nobody from it.
#[actix_rt::test]
async fn a_blocking_load_has_a_thread_of_its_own() {
    let orchestrator = MemoryOrchestrator::new();
    let (let_go, wait) = channel::<Vec<u64>>();
    let wait = Mutex::new(wait);
    let (left, leaves) = channel();
    let models = Models::blocking(move |_| Ok(wait.lock().expect("no panic").recv()?))
        .on_evict_blocking(move |name, model: Vec<u64>| {
            let _ = left.send((name.to_owned(), model));
        })
        .build();
    let handle = worker(&orchestrator, &Gate::closed())
        .models(models)
        .task("sum", sum)
        .task("sum_now", blocking(sum_now))
        .configure(|settings| settings.intake.handler_threads = 1)
        .spawn()
        .expect("a started worker");
    let waiting =
        [("sum", "a"), ("sum_now", "a")].map(|(task, model)| orchestrator.submit(task, &model));
    let echo = orchestrator.submit("echo", &1);
    orchestrator.result_of(&echo).await;
    let_go.send(vec![1, 2, 3]).expect("a load that waits");
    for id in &waiting {
        assert_eq!(value(&orchestrator.result_of(id).await), json!(6));
    }
    // The loader fails from now on.
    drop(let_go);
    let id = orchestrator.submit("sum_now", &"b");
    let text = failure(&orchestrator.result_of(&id).await)
        .message()
        .to_owned();
    assert!(text.starts_with("model \"b\": "), "{text}");
    assert!(handle.shutdown().await.is_clean());
    assert_eq!(
        leaves.recv().expect("the hook"),
        ("a".to_owned(), vec![1, 2, 3])
    );
}
