//! Loads: one for all who wait, its failures, and loaders that block.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
