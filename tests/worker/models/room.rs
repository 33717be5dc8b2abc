//! Room: who waits for it, what can never fit, what a task holds already.

use axon_worker::models::Model;

use super::*;

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
