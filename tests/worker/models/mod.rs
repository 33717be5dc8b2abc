//! Models in memory: loaded once, held while they are used, sent away for others.

mod leaving;
mod loading;
mod room;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axon_worker::models::{Eviction, Models, ModelsBuilder};
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
