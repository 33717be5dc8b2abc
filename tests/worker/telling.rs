//! What a handler tells while it runs, and asks of its orchestrator.

use std::sync::Arc;
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::transport::memory::{Call, Memory, MemoryOrchestrator};
use axon_worker::transport::{
    BeatReply, Habits, Offer, ProgressUpdate, Receipt, Report, Standing, Transport, TransportError,
    WorkerCard,
};
use axon_worker::{
    ErrorCode, RawJson, Task, TaskContext, TaskError, TaskResult, TaskSpec, Worker, WorkerBuilder,
    blocking,
};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{SECOND, data, failure, start};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Reports `values`, with a pause after each.
async fn report(params: Value, task: TaskContext) -> Result<(), TaskError> {
    let values = u32::try_from(params["values"].as_u64().unwrap_or(0))?;
    let pause = Duration::from_millis(params["pause_ms"].as_u64().unwrap_or(0));
    for n in 1..=values {
        task.progress(f64::from(n) / f64::from(values), format!("{n}"))
            .await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(
        params["then_ms"].as_u64().unwrap_or(0),
    ))
    .await;
    Ok(())
}

/// The same in a loop that never waits, on a thread of its own.
fn report_fast(values: u32, task: TaskContext) -> Result<(), TaskError> {
    for n in 1..=values {
        task.progress_now(f64::from(n) / f64::from(values), format!("{n}"));
    }
    Ok(())
}

async fn tell(params: Value, task: TaskContext) -> Result<Value, TaskError> {
    let mut went = Vec::new();
    for name in params["events"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or("");
        went.push(task.send_event(name, &params["payload"]).await?);
    }
    Ok(json!({ "went": went }))
}

fn tell_fast(events: usize, task: TaskContext) -> Result<Value, TaskError> {
    let mut refused = 0;
    for n in 0..events {
        if let Err(error) = task.send_event_now("n", &json!({ "n": n })) {
            assert_eq!(error.code(), &ErrorCode::ResourceExhausted);
            refused += 1;
        }
    }
    Ok(json!({ "refused": refused }))
}

async fn ask(params: Value, task: TaskContext) -> Result<RawJson, TaskError> {
    let skill = params["skill"].as_str().unwrap_or("");
    task.call_skill_within(5 * SECOND, skill, &params["params"])
        .await
}

fn worker(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let strict = TaskSpec::named("strict").event_schema("known", json!({"required": ["a"]}));
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("report", report)
        .task("report_fast", blocking(report_fast))
        .task("tell", tell)
        .task("tell_fast", blocking(tell_fast))
        .task("ask", ask)
        .task(strict, tell)
}

/// An orchestrator that counts what it is sent.
fn counting() -> MemoryOrchestrator {
    let orchestrator = MemoryOrchestrator::new();
    let mut habits = Habits::default();
    habits.counts_requests = true;
    orchestrator.set_habits(habits);
    orchestrator
}

#[actix_rt::test]
async fn where_nobody_counts_a_value_goes_out_ten_times_a_second() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 1000, "pause_ms": 10}));
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    assert_eq!(values.last().map(String::as_str), Some("1000"));
    assert!((90..=112).contains(&values.len()), "{}", values.len());
    worker.shutdown().await;
}

fn values(orchestrator: &MemoryOrchestrator) -> Vec<String> {
    let progress = orchestrator.progress().into_iter();
    progress.map(|update| update.message).collect()
}

#[actix_rt::test]
async fn a_fast_loop_sends_a_value_a_second_and_the_last_one() {
    let orchestrator = counting();
    let worker = start(worker(&orchestrator)).await;
    let began = Instant::now();
    let task = orchestrator.submit("report", &json!({"values": 1000, "pause_ms": 10}));
    orchestrator.result_of(&task).await;
    let took = began.elapsed();
    assert!((10 * SECOND..12 * SECOND).contains(&took), "{took:?}");
    let values = values(&orchestrator);
    assert_eq!(values.first().map(String::as_str), Some("1"));
    assert_eq!(values.last().map(String::as_str), Some("1000"));
    assert!((10..=13).contains(&values.len()), "{values:?}");
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_value_is_not_held_back_until_the_end_of_the_task() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    orchestrator.submit("report", &json!({"values": 3, "then_ms": 600_000}));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(values(&orchestrator).last().map(String::as_str), Some("3"));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_last_value_comes_before_the_result() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    for _ in 0..20 {
        let task = orchestrator.submit("report", &json!({"values": 5}));
        orchestrator.result_of(&task).await;
    }
    let calls = orchestrator.calls();
    let told = calls
        .iter()
        .filter(|call| matches!(call, Call::Progress | Call::Deliver));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 20 + values(&orchestrator).len());
    for pair in told.windows(2) {
        assert!(pair.contains(&&Call::Progress), "{told:?}");
    }
    let last = orchestrator.progress();
    assert_eq!(
        last.iter().filter(|update| update.message == "5").count(),
        20
    );
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_loop_on_a_thread_cannot_flood_either() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator).spawn().unwrap();
    let task = orchestrator.submit("report_fast", &100_000);
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    assert_eq!(values.last().map(String::as_str), Some("100000"));
    assert!(values.len() < 100, "{}", values.len());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn progress_that_is_rate_limited_keeps_quiet() {
    let orchestrator = MemoryOrchestrator::new();
    let limited = TransportError::RateLimited { retry_after: None };
    orchestrator.fail_next(Call::Progress, &limited, 1);
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 1200, "pause_ms": 100}));
    orchestrator.result_of(&task).await;
    let values = values(&orchestrator);
    // Two minutes, of which the first 65 s are silent.
    assert_eq!(values.last().map(String::as_str), Some("1200"));
    let first: u32 = values[0].parse().unwrap();
    assert!((640..=660).contains(&first), "{first}");
    assert_eq!(orchestrator.count(Call::Progress), values.len() + 1);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_orchestrator_that_is_gone_does_not_hold_up_the_result() {
    let orchestrator = MemoryOrchestrator::new();
    let down = TransportError::Unreachable {
        reason: "down".to_owned(),
    };
    orchestrator.fail_next(Call::Progress, &down, 1000);
    let worker = start(worker(&orchestrator)).await;
    let task = orchestrator.submit("report", &json!({"values": 5}));
    orchestrator.result_of(&task).await;
    assert!(values(&orchestrator).is_empty());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn events_arrive_in_order_with_all_that_belongs_to_them() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let names: Vec<_> = (0..100).map(|n| format!("e{n}")).collect();
    let params = json!({"events": names, "payload": {"a": 1}});
    let params = RawJson::from_serialize(&params).unwrap();
    let task = orchestrator.submit_with("tell", params, |task| {
        task.tracing_context
            .insert("traceparent".to_owned(), TRACEPARENT.to_owned());
    });
    let result = orchestrator.result_of(&task).await;
    assert_eq!(data(&result)["went"].as_array().unwrap().len(), 100);
    let events = orchestrator.events_until(100).await;
    let told: Vec<_> = events.iter().map(|event| event.name.clone()).collect();
    assert_eq!(told, names);
    let mut ids: Vec<_> = events.iter().map(|event| &event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100, "each is unique");
    assert_eq!(events[0].task_id, task);
    assert_eq!(events[0].job_id, result.job_id);
    assert_eq!(events[0].payload.as_str(), r#"{"a":1}"#);
    assert_eq!(events[0].trace_context["traceparent"], TRACEPARENT);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn trace_headers_are_told_on_as_they_came_or_not_at_all() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let told = async |headers: &[(&str, &str)]| {
        let before = orchestrator.events().len();
        let params = RawJson::from_serialize(&json!({"events": ["e"], "payload": {}})).unwrap();
        let task = orchestrator.submit_with("tell", params, |task| {
            let headers = headers.iter();
            let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            task.tracing_context.extend(headers);
        });
        orchestrator.result_of(&task).await;
        let event = orchestrator.events().swap_remove(before);
        event.trace_context.into_iter().collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told(&[]).await, []);
    assert_eq!(
        told(&[
            ("TraceParent", TRACEPARENT),
            ("tracestate", "a=1, b=2"),
            ("tenant", "x")
        ])
        .await,
        [
            pair("tenant", "x"),
            pair("traceparent", TRACEPARENT),
            pair("tracestate", "a=1,b=2")
        ]
    );
    assert_eq!(
        told(&[
            ("traceparent", "00-1-2-01"),
            ("tracestate", "a=1"),
            ("tenant", "x")
        ])
        .await,
        [pair("tenant", "x")]
    );
    assert_eq!(
        told(&[("traceparent", TRACEPARENT), ("tracestate", "a=1,a=2")]).await,
        [pair("traceparent", TRACEPARENT)]
    );
    // Progress tells the same.
    let params = RawJson::from_serialize(&json!({"values": 1})).unwrap();
    let task = orchestrator.submit_with("report", params, |task| {
        let (name, value) = pair("traceparent", TRACEPARENT);
        task.tracing_context.insert(name, value);
    });
    orchestrator.result_of(&task).await;
    let last = orchestrator.progress().pop().expect("progress");
    assert_eq!(last.trace_context["traceparent"], TRACEPARENT);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn events_of_a_thread_are_bounded_and_none_of_them_is_lost() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker(&orchestrator).spawn().unwrap();
    let task = orchestrator.submit("tell_fast", &5000);
    let result = orchestrator.result_of(&task).await;
    let refused = data(&result)["refused"].as_u64().unwrap();
    let events = orchestrator.events();
    assert_eq!(events.len() as u64 + refused, 5000, "before the result");
    let numbers = events
        .iter()
        .map(|event| event.payload.parse::<Value>().unwrap());
    let numbers: Vec<_> = numbers.map(|payload| payload["n"].as_u64()).collect();
    assert!(numbers.is_sorted());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_event_that_is_not_allowed_or_does_not_go_is_an_error() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(worker(&orchestrator)).await;
    let run = async |name: &str, event: &str, payload: Value| {
        let params = json!({"events": [event], "payload": payload});
        let task = orchestrator.submit(name, &params);
        orchestrator.result_of(&task).await
    };
    let code = async |name, event, payload| {
        let result = run(name, event, payload).await;
        failure(&result).code().clone()
    };
    let violation = ErrorCode::ContractViolation;
    assert_eq!(code("strict", "other", json!({})).await, violation);
    assert_eq!(code("strict", "known", json!({})).await, violation);
    assert_eq!(code("tell", "any", json!([1])).await, ErrorCode::Permanent);
    assert_eq!(code("tell", "", json!({})).await, ErrorCode::Permanent);
    assert_eq!(orchestrator.count(Call::Event), 0, "nothing was sent");
    let fine = run("strict", "known", json!({"a": 1})).await;
    assert_eq!(data(&fine), json!({"went": [true]}));

    let reason = || "x".to_owned();
    let refused = TransportError::Refused { reason: reason() };
    orchestrator.fail_next(Call::Event, &refused, 1);
    assert_eq!(code("tell", "any", json!({})).await, ErrorCode::Permanent);
    let down = TransportError::Unreachable { reason: reason() };
    orchestrator.fail_next(Call::Event, &down, 1);
    assert_eq!(code("tell", "any", json!({})).await, ErrorCode::Transient);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn without_strictness_undeclared_events_go() {
    let orchestrator = MemoryOrchestrator::new();
    let builder = worker(&orchestrator);
    let lax = builder.configure(|settings| settings.strict_event_validation = false);
    let worker = start(lax).await;
    let params = json!({"events": ["other"], "payload": {}});
    let task = orchestrator.submit("strict", &params);
    let result = orchestrator.result_of(&task).await;
    assert_eq!(data(&result), json!({"went": [true]}));
    worker.shutdown().await;
}

#[actix_rt::test]
async fn skills_of_others_can_be_called() {
    let orchestrator = MemoryOrchestrator::new();
    orchestrator.answer_skill("double", |params| {
        let n: u64 = params.parse().map_err(|_| TransportError::NotRegistered)?;
        Ok(RawJson::from_serialize(&json!({ "n": 2 * n })).expect("JSON"))
    });
    let worker = start(worker(&orchestrator)).await;
    let run = async |params: Value| {
        let task = orchestrator.submit("ask", &params);
        orchestrator.result_of(&task).await
    };
    let result = run(json!({"skill": "double", "params": 21})).await;
    assert_eq!(data(&result), json!({"n": 42}));
    assert_eq!(orchestrator.skill_calls()[0].task_id, result.task_id);
    let unknown = run(json!({"skill": "halve", "params": 1})).await;
    assert_eq!(failure(&unknown).code(), &ErrorCode::Dependency);
    assert!(failure(&unknown).message().contains("halve"));
    worker.shutdown().await;
}

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, TransportError>>;

/// Has no events and cannot call skills, as RXON 1.0b2, and never answers progress.
#[derive(Debug)]
struct Older(Memory);

impl Transport for Older {
    fn register(&self, card: Arc<WorkerCard>, report: Report) -> Answer<'_, ()> {
        self.0.register(card, report)
    }

    fn heartbeat(&self, report: Report) -> Answer<'_, BeatReply> {
        self.0.heartbeat(report)
    }

    fn probe(&self) -> Answer<'_, Standing> {
        self.0.probe()
    }

    fn poll(&self, offer: Offer) -> Answer<'_, Option<Task>> {
        self.0.poll(offer)
    }

    fn deliver(&self, result: Arc<TaskResult>) -> Answer<'_, Receipt> {
        self.0.deliver(result)
    }

    fn progress(&self, _: ProgressUpdate) -> Answer<'_, ()> {
        Box::pin(std::future::pending())
    }
}

fn older(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    let connect = orchestrator.connect();
    worker(orchestrator).only_transport("older", move |origin| Older(connect(origin)))
}

#[actix_rt::test]
async fn where_there_are_no_events_the_handler_learns_of_it() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let told = orchestrator.submit("tell", &json!({"events": ["any"], "payload": {}}));
    let result = orchestrator.result_of(&told).await;
    assert_eq!(data(&result), json!({"went": [false]}));
    let asked = orchestrator.submit("ask", &json!({"skill": "double", "params": 1}));
    let result = orchestrator.result_of(&asked).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Dependency);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn an_answer_that_never_comes_holds_up_the_result_for_two_seconds_at_most() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let began = Instant::now();
    let task = orchestrator.submit("report", &json!({"values": 3}));
    let result = orchestrator.result_of(&task).await;
    assert_eq!(data(&result), json!({}));
    assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_task_that_is_called_off_has_no_last_words() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = start(older(&orchestrator)).await;
    let params = json!({"values": 3, "then_ms": 600_000});
    let task = orchestrator.submit("report", &params);
    orchestrator
        .report_where(|report| !report.running.is_empty())
        .await;
    let began = Instant::now();
    orchestrator.cancel_with_next_beat(task.as_str());
    let result = orchestrator.result_of(&task).await;
    assert_eq!(result.outcome.status(), "cancelled");
    // A heartbeat away, and the grace time of the handler.
    assert!(began.elapsed() <= 21 * SECOND, "{:?}", began.elapsed());
    worker.shutdown().await;
}
