//! Models leave: their hooks, and the end of the worker.

use super::*;

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
