//! Calling handlers in tests: `axon_worker::testing::call`.

#![allow(unreachable_pub, reason = "one test program")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axon_worker::middleware::{Injected, Next, Retry, TaskCall};
use axon_worker::storage::LocalStore;
use axon_worker::testing::{self, Expect, Told};
use axon_worker::{
    Attachment, Data, ErrorCode, HotCache, Outcome, QueueTask, RawJson, Reply, TaskContext,
    TaskError, TaskFiles, TaskHandler, TaskSpec, actor, blocking,
};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

#[derive(serde::Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

async fn sum(sum: Sum) -> Result<Value, TaskError> {
    Ok(json!({ "sum": sum.a + sum.b }))
}

async fn nap(seconds: u64) -> Result<u64, TaskError> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}

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

async fn refuse(_: TaskCall, _: Next) -> Outcome {
    Outcome::Failed(TaskError::new(ErrorCode::Security, "no"))
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
#[should_panic(expected = "asks for Data<testing_kit::Factor>, which was not given")]
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

async fn rewrite(_: Value, files: TaskFiles) -> Result<Value, TaskError> {
    let text = files.read_string("in.txt").await?;
    let path = files.write("out/loud.txt", text.to_uppercase()).await?;
    Ok(json!({ "out": path }))
}

#[actix_rt::test]
async fn files_are_there_before_and_seen_afterwards() {
    let end = testing::call(rewrite).file("in.txt", "hello").await;
    assert_eq!(end.status(), "success");
    assert_eq!(
        (end.text("in.txt"), end.text("out/loud.txt")),
        ("hello", "HELLO")
    );
    assert_eq!(end.files.len(), 2);
    // Two calls have two folders.
    let end = testing::call(rewrite).await;
    assert!(end.failure().code() == &ErrorCode::Transient && end.files.is_empty());
}

#[actix_rt::test]
async fn a_file_of_the_test_cannot_be_outside_the_folder() {
    let end = testing::call(rewrite).file("../in.txt", "hello").await;
    assert!(
        end.failure()
            .message()
            .contains("\"../in.txt\" cannot be written")
    );
}

#[actix_rt::test]
async fn objects_of_a_storage_come_and_go() {
    async fn shout(path: std::path::PathBuf, files: TaskFiles) -> Result<Value, TaskError> {
        let text = tokio::fs::read_to_string(path).await?;
        Ok(json!({ "loud": files.write("loud.txt", text.to_uppercase()).await? }))
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    std::fs::write(folder.path().join("bucket/a.txt"), "quiet").unwrap();
    let end = testing::call(shout)
        .storage(LocalStore::new(folder.path()))
        .worker(|builder| {
            builder.configure(|settings| settings.storage.default_bucket = "bucket".to_owned())
        })
        .params(&"s3://bucket/a.txt")
        .await;
    let data: Value = end.data();
    let uri = data["loud"].as_str().unwrap();
    let key = uri.strip_prefix("s3://").expect("an address");
    assert_eq!(
        std::fs::read_to_string(folder.path().join(key)).unwrap(),
        "QUIET"
    );
}

#[actix_rt::test]
async fn middleware_stands_in_front_as_in_a_worker() {
    let tries = Arc::new(AtomicU32::new(0));
    let counter = tries.clone();
    let third_time = move |_: Value| {
        let counter = counter.clone();
        async move {
            match counter.fetch_add(1, Ordering::Relaxed) {
                2 => Ok("at last"),
                _ => Err(TaskError::transient("not yet")),
            }
        }
    };
    let end = testing::call(third_time)
        .middleware(Retry::attempts(3, Duration::from_millis(1)))
        .await;
    assert_eq!(end.data::<String>(), "at last");

    let end = testing::call(sum).middleware(refuse).await;
    assert_eq!(end.failure().code(), &ErrorCode::Security);
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
async fn skills_of_others_are_answered_by_the_test() {
    async fn ask(word: String, task: TaskContext) -> Result<RawJson, TaskError> {
        task.call_skill("translate", &word).await
    }
    let end = testing::call(ask)
        .answer_skill("translate", |word| {
            let word: String = word.parse().expect("a word");
            Ok(RawJson::from_serialize(&json!({ "word": format!("le {word}") })).expect("JSON"))
        })
        .params(&"sac")
        .await;
    assert_eq!(end.data::<Value>(), json!({"word": "le sac"}));
    assert!(matches!(&end.told[..], [Told::SkillCall { skill, .. }] if skill == "translate"));
    let end = testing::call(ask).params(&"sac").await;
    assert_eq!(end.failure().code(), &ErrorCode::Dependency);
}

#[actix_rt::test]
async fn an_hour_passes_in_no_time_and_exactly() {
    tokio::time::pause();
    let end = testing::call(nap).params(&3600).await;
    assert_eq!(end.data::<u64>(), 3600);
    assert!(
        (3600 * SECOND..3601 * SECOND).contains(&end.took),
        "{:?}",
        end.took
    );
}

#[actix_rt::test]
async fn limits_end_a_handler_at_their_time_and_the_nearest_counts() {
    tokio::time::pause();
    let limited = || testing::call(nap).params(&3600).cancel_grace(2 * SECOND);
    let spec = TaskSpec::named("nap").time_limit(20 * SECOND);
    let ends = [
        (12, limited().deadline_in(10 * SECOND).await),
        (17, limited().time_limit(15 * SECOND).await),
        (22, limited().named(spec.clone()).await),
        (17, limited().named(spec).time_limit(15 * SECOND).await),
    ];
    for (after, end) in ends {
        // The limit, and then the grace time that it did not use.
        assert_eq!(end.failure().code(), &ErrorCode::Timeout);
        let took = end.took.as_secs_f64();
        assert!(
            (f64::from(after) - 0.5..f64::from(after) + 0.5).contains(&took),
            "{took}"
        );
    }
}

#[actix_rt::test]
async fn a_cancel_is_seen_at_once_or_ends_after_the_grace_time() {
    async fn polite(_: Value, task: TaskContext) -> Result<(), TaskError> {
        task.cancellation().cancelled().await;
        task.progress(1.0, "tidied up").await;
        Ok(())
    }
    tokio::time::pause();
    let end = testing::call(polite).cancel_after(3 * SECOND).await;
    assert_eq!(
        (end.status(), end.progress()),
        ("cancelled", vec![(1.0, "tidied up")])
    );
    assert!(
        (3 * SECOND..4 * SECOND).contains(&end.took),
        "{:?}",
        end.took
    );

    let end = testing::call(nap)
        .params(&3600)
        .cancel_after(3 * SECOND)
        .await;
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert!(
        (8 * SECOND..9 * SECOND).contains(&end.took),
        "{:?}",
        end.took
    );
}

#[actix_rt::test]
async fn a_blocking_handler_can_be_cancelled_when_it_has_said_something() {
    fn count(_: Value, task: TaskContext) -> Result<(), TaskError> {
        for step in 0..u32::MAX {
            if task.is_cancelled() {
                return Ok(());
            }
            task.progress_now(0.0, step.to_string());
        }
        Err(TaskError::permanent("never called off"))
    }
    let is_third = |told: &Told| matches!(told, Told::Progress { message, .. } if message == "2");
    let end = testing::call(blocking(count)).cancel_when(is_third).await;
    assert_eq!(end.status(), "cancelled");
    assert!(end.progress().len() >= 3);
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

#[cfg(feature = "contracts")]
#[actix_rt::test]
async fn contracts_are_checked_before_and_after() {
    async fn lie(_: Value) -> Result<Value, TaskError> {
        Ok(json!({ "bytes": "many" }))
    }
    let spec = || {
        TaskSpec::named("lie")
            .input_schema(json!({"type": "object", "required": ["width"]}))
            .output_schema(json!({"properties": {"bytes": {"type": "integer"}}}))
    };
    let end = testing::call(lie).named(spec()).await;
    assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
    let end = testing::call(lie)
        .named(spec())
        .params(&json!({"width": 1}))
        .await;
    assert_eq!(end.failure().code(), &ErrorCode::ContractViolation);
}
