//! Events: in order, whole, and refused where they are not allowed.

use super::*;

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
