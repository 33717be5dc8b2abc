//! What goes into a call and comes out of it, whatever shape the handler has.

use axon_worker::middleware::Injected;
use axon_worker::testing::{self, Expect, Told};
use axon_worker::{
    Attachment, Data, ErrorCode, HotCache, QueueTask, RawJson, Reply, TaskContext, TaskError,
    TaskFiles, TaskHandler, actor, blocking,
};
use serde_json::{Value, json};

use super::{nap, sum};

async fn faint(why: String) -> Result<(), TaskError> {
    panic!("{why}")
}

#[actix_rt::test]
async fn a_handler_gets_its_parameters_and_its_data_come_back() {
    let end = testing::call(sum).params(&json!({"a": 1, "b": 2})).await;
    assert_eq!(
        (end.status(), end.data::<Value>()),
        ("success", json!({"sum": 3}))
    );
    assert!(end.told.is_empty() && end.files.is_empty() && end.panicked().is_none());
}

#[actix_rt::test]
async fn wrong_parameters_name_the_field_and_the_handler_is_not_called() {
    let end = testing::call(sum)
        .params(&json!({"a": 1, "b": "two"}))
        .await;
    assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
    assert!(
        end.failure().message().contains("field `b`"),
        "{:?}",
        end.failure()
    );
}

async fn of_queue(_: RawJson, task: QueueTask) -> Result<Value, TaskError> {
    let format: Option<String> = task.metadata("format")?;
    let files: Vec<_> = task.files().iter().map(|file| file.name.clone()).collect();
    Ok(json!({ "queue": task.queue(), "format": format, "files": files }))
}

struct Factor(i64);
struct Tenant(&'static str);

async fn all_arguments(
    params: i64,
    factor: Data<Factor>,
    tenant: Injected<Tenant>,
    task: TaskContext,
) -> Result<Value, TaskError> {
    Ok(json!({
        "product": params * factor.0,
        "tenant": tenant.0,
        "task": task.task_id(),
        "job": task.job_id(),
        "name": task.name(),
        "trace": task.tracing_context(),
        "priority": task.priority(),
    }))
}

#[actix_rt::test]
async fn what_a_test_says_of_a_task_reaches_its_handler() {
    let end = testing::call(all_arguments)
        .named("multiply")
        .params(&3)
        .task_id("t-7")
        .job_id("j-7")
        .trace("traceparent", "00-1")
        .task(|task| task.priority = 2.5)
        .data(Factor(4))
        .inject(Tenant("acme"))
        .await;
    let expected = json!({
        "product": 12, "tenant": "acme", "task": "t-7", "job": "j-7", "name": "multiply",
        "trace": {"traceparent": "00-1"}, "priority": 2.5,
    });
    assert_eq!(end.data::<Value>(), expected);
}

#[actix_rt::test]
#[should_panic(expected = "asks for Data<testing_kit::calls::Factor>, which was not given")]
async fn data_that_the_test_forgot_are_missed_at_once() {
    testing::call(all_arguments).params(&3).await;
}

#[tokio::test]
#[should_panic(expected = "use #[actix_rt::test]")]
async fn outside_an_actix_system_it_says_what_is_needed() {
    testing::call(nap).params(&1).await;
}

#[actix_rt::test]
async fn a_panic_is_an_outcome_whatever_shape_the_handler_has() {
    struct Fragile;
    impl TaskHandler for Fragile {
        type Params = String;
        type Output = ();
        async fn handle(&mut self, why: String, _: TaskContext) -> Result<(), TaskError> {
            panic!("{why}")
        }
    }
    fn faint_now(why: String) -> Result<(), TaskError> {
        panic!("{why}")
    }
    let ends = [
        testing::call(faint).params(&"oh").await,
        testing::call(blocking(faint_now)).params(&"oh").await,
        testing::call(actor(|| Ok(Fragile))).params(&"oh").await,
    ];
    for end in ends {
        assert_eq!(end.panicked(), Some("oh"));
        assert_eq!(end.failure().code(), &ErrorCode::Transient);
    }
}

#[actix_rt::test]
async fn a_handler_with_state_keeps_it_between_calls_and_begins_anew_after_a_panic() {
    struct Counter(u32);
    impl TaskHandler for Counter {
        type Params = bool;
        type Output = u32;
        async fn handle(&mut self, panics: bool, _: TaskContext) -> Result<u32, TaskError> {
            assert!(!panics, "as asked");
            self.0 += 1;
            Ok(self.0)
        }
    }
    let counter = testing::call(actor(|| Ok(Counter(0))))
        .params(&false)
        .start()
        .await;
    assert_eq!(counter.call().await.data::<u32>(), 1);
    assert_eq!(counter.call().await.data::<u32>(), 2);
    assert_eq!(
        counter.call().params(&true).await.panicked(),
        Some("as asked")
    );
    assert_eq!(counter.call().await.data::<u32>(), 1);
}

async fn tell_much(steps: u32, task: TaskContext, hot: HotCache) -> Result<(), TaskError> {
    for step in 1..=steps {
        task.progress(f64::from(step) / f64::from(steps), format!("step {step}"))
            .await;
        if step == 2 {
            task.send_event("half", &json!({"step": step})).await?;
            hot.add("model").await;
            hot.remove("old").await;
        }
    }
    Ok(())
}

#[actix_rt::test]
async fn everything_a_handler_tells_is_there_in_its_order_and_none_is_held_back() {
    let end = testing::call(tell_much).params(&4).hot("old").await;
    let progress: Vec<_> = end.progress().into_iter().map(|(value, _)| value).collect();
    assert_eq!(progress, [0.25, 0.5, 0.75, 1.0]);
    assert_eq!(end.events(), [("half", json!({"step": 2}))]);
    let kinds = end.told.iter().map(|told| match told {
        Told::Progress { .. } => "progress",
        Told::Event { .. } => "event",
        Told::Warmed(_) => "warmed",
        Told::Cooled(_) => "cooled",
        _ => "other",
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(
        kinds,
        [
            "progress", "progress", "event", "warmed", "cooled", "progress", "progress"
        ]
    );
    assert_eq!(*end.hot_cache, ["model"]);
}

#[actix_rt::test]
async fn statuses_of_ones_own_and_queues() {
    async fn review(score: f64) -> Result<Reply, TaskError> {
        Reply::status_with("needs_review", &json!({ "score": score }))
    }
    let end = testing::call(review).params(&0.5).await;
    assert_eq!(
        (end.status(), end.data::<Value>()),
        ("needs_review", json!({"score": 0.5}))
    );

    let end = testing::call(of_queue)
        .of_queue("files.new")
        .metadata(&json!({"format": "pdf"}))
        .attachment(Attachment {
            name: "a.txt".into(),
            ..Attachment::default()
        })
        .await;
    let expected = json!({"queue": "files.new", "format": "pdf", "files": ["a.txt"]});
    assert_eq!(end.data::<Value>(), expected);
}

#[actix_rt::test]
async fn calls_at_once_do_not_mix_up() {
    async fn own_file(content: String, files: TaskFiles) -> Result<(), TaskError> {
        files.write("own.txt", content).await?;
        Ok(())
    }
    let stand = testing::call(own_file).start().await;
    let (one, other) = tokio::join!(
        stand.call().params(&"one").into_future_of(),
        stand.call().params(&"other").into_future_of(),
    );
    assert_eq!(
        (one.text("own.txt"), other.text("own.txt")),
        ("one", "other")
    );
}

/// `join!` wants futures.
trait IntoFutureOf: IntoFuture + Sized {
    fn into_future_of(self) -> Self::IntoFuture {
        self.into_future()
    }
}

impl<T: IntoFuture> IntoFutureOf for T {}
