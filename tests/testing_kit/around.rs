//! What stands round a handler: files, a storage, middleware, skills, its contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axon_worker::middleware::{Next, Retry, TaskCall};
use axon_worker::storage::LocalStore;
use axon_worker::testing::{self, Expect, Told};
use axon_worker::{
    ErrorCode, Outcome, RawJson, TaskContext, TaskError, TaskFile, TaskFiles, TaskSpec,
};
use serde_json::{Value, json};

use super::sum;

async fn refuse(_: TaskCall, _: Next) -> Outcome {
    Outcome::Failed(TaskError::new(ErrorCode::Security, "no"))
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
    async fn shout(path: TaskFile, files: TaskFiles) -> Result<Value, TaskError> {
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
async fn files_of_the_test_can_be_named_in_parameters_and_no_others() {
    async fn length(text: TaskFile) -> Result<u64, TaskError> {
        Ok(tokio::fs::metadata(&text).await?.len())
    }
    let call = || testing::call(length).file("sub/in.txt", "hello");
    assert_eq!(call().params(&"sub/in.txt").await.data::<u64>(), 5);
    let end = call().params(&"/etc/passwd").await;
    assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
    let end = testing::call(length).params(&"sub/in.txt").await;
    assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
}

#[actix_rt::test]
async fn a_task_tells_which_attempt_it_is_and_a_failure_when_to_try_again() {
    async fn busy(_: Value, task: TaskContext) -> Result<(), TaskError> {
        let text = format!("{} of {:?}", task.attempt(), task.max_attempts());
        let again = Duration::from_secs(u64::from(task.attempt()) * 10);
        Err(TaskError::transient(text).retry_after(again))
    }
    let end = testing::call(busy).await;
    assert_eq!(end.failure().message(), "1 of None");
    let end = testing::call(busy).attempt(2, 5).await;
    assert_eq!(end.failure().message(), "2 of Some(5)");
    let after = end.failure().retry_delay();
    assert_eq!(after, Some(Duration::from_secs(20)));
}

#[actix_rt::test]
async fn a_retry_waits_as_long_as_the_failure_says() {
    tokio::time::pause();
    let tries = Arc::new(AtomicU32::new(0));
    let counter = tries.clone();
    let second_time = move |_: Value| {
        let counter = counter.clone();
        async move {
            match counter.fetch_add(1, Ordering::Relaxed) {
                0 => Err(TaskError::transient("busy").retry_after(Duration::from_secs(30))),
                1 => Err(TaskError::transient("busy").retry_after(Duration::from_millis(1))),
                _ => Ok("at last"),
            }
        }
    };
    let end = testing::call(second_time)
        .middleware(Retry::attempts(3, Duration::from_secs(1)))
        .await;
    assert_eq!(end.data::<String>(), "at last");
    // What the failure says, and then what the middleware would wait anyway.
    assert_eq!(end.took.as_secs(), 32);
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
