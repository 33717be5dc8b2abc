//! What skills say about themselves, and what becomes of those who do not keep to it.

use crate::RELEASE;
use crate::support::{Stage, Storage, Value, json};

on_both_storages! {
    the_contract_of_a_skill_is_registered,
    a_result_that_breaks_its_contract_is_a_violation,
}

mod scenario {
    use super::*;

    pub(super) async fn the_contract_of_a_skill_is_registered(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let record = stage.orchestrator.worker(worker.id()).await;
        let skill = skill(&record, "typed_contract");
        assert_eq!(skill["version"], "1.0", "{skill:#}");
        let input = &skill["input_schema"];
        assert_eq!(input["type"], "object", "{input:#}");
        assert_eq!(input["required"], json!(["n"]), "{input:#}");
        assert_eq!(input["properties"]["n"]["type"], "integer", "{input:#}");
        let output = &skill["output_schema"];
        assert_eq!(
            output["properties"]["doubled"]["type"], "integer",
            "{output:#}"
        );
        let events = &skill["events_schema"];
        assert_eq!(
            events["step"]["properties"]["row"]["type"], "integer",
            "{events:#}"
        );

        let job = stage
            .orchestrator
            .run_task("typed_contract", json!({ "n": 21 }))
            .await;
        assert_eq!(job["status"], "finished", "{job:#}");
        assert_eq!(job["state_history"], json!({ "doubled": 42 }));
    }

    pub(super) async fn a_result_that_breaks_its_contract_is_a_violation(storage: Storage) {
        let stage = Stage::new(RELEASE, storage).await;
        let worker = stage.started_worker().await;
        let job = stage.orchestrator.run_task("bad_output", json!({})).await;
        // Not one more try, and the worker is thought less of, once.
        assert_eq!(job["status"], "quarantined", "{job:#}");
        let id = job["id"].as_str().expect("an id");
        let results = stage.orchestrator.results(id, 1).await;
        let error = &results[0]["error"];
        assert_eq!(error["code"], "CONTRACT_VIOLATION_ERROR", "{results:#?}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("doubled"), "{message}");
        let record = stage.orchestrator.worker(worker.id()).await;
        let reputation = record["reputation"].as_f64().expect("a number");
        assert!((reputation - 0.8).abs() < 0.01, "{reputation}");
    }
}

#[actix_rt::test]
async fn the_orchestrator_offers_no_task_whose_params_break_the_contract() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let mistakes = [
        json!({ "n": "one" }),
        json!({ "n": 300 }),
        json!({ "m": 1 }),
    ];
    for params in mistakes {
        let job = stage.orchestrator.run_task("typed_contract", params).await;
        assert_eq!(job["status"], "quarantined", "{job:#}");
        let message = job["error_message"].as_str().expect("a message");
        assert!(message.contains("schema_validation_failed"), "{message}");
        let id = job["id"].as_str().expect("an id");
        stage.orchestrator.results(id, 0).await;
    }
}

#[actix_rt::test]
async fn a_worker_checks_the_params_of_a_task_that_was_never_checked() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let worker = stage.worker().set("HEARTBEAT_INTERVAL", "60").start();
    stage.orchestrator.registered(worker.id()).await;
    // The orchestrator hears of the skill, but not of its contract.
    let claim = json!({
        "worker_id": worker.id(),
        "supported_skills": [{ "name": "typed_contract" }],
    });
    stage
        .orchestrator
        .as_worker(worker.id(), "/_worker/workers/register", &claim)
        .await;
    let job = stage
        .orchestrator
        .run_task("typed_contract", json!({ "n": "one" }))
        .await;
    assert_eq!(job["status"], "failed", "{job:#}");
    let id = job["id"].as_str().expect("an id");
    let results = stage.orchestrator.results(id, 1).await;
    let error = &results[0]["error"];
    assert_eq!(error["code"], "INVALID_INPUT_ERROR", "{results:#?}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("'n'"), "{message}");
}

#[actix_rt::test]
async fn costs_and_metadata_of_a_result_arrive() {
    let stage = Stage::new(RELEASE, Storage::Memory).await;
    let _worker = stage.started_worker().await;
    let params = json!({ "costs": { "gpu_seconds": 1.5 }, "metadata": { "model": "x" } });
    let data = json!({ "task": "costly", "params": params });
    // 1.0b30 cannot add metadata to a job that was handed in without any: a result that
    // has some is answered 500 for as long as it comes.
    for metadata in [json!({}), json!({ "owner": "me" }), Value::Null] {
        let order = json!({ "initial_data": data, "metadata": metadata });
        let job = stage.orchestrator.submit_order("single", order).await;
        let record = stage.orchestrator.end_of(&job).await;
        assert_eq!(record["status"], "finished", "{record:#}");
        let results = stage.orchestrator.results(&job, 1).await;
        let costs = &results[0]["costs"];
        assert_eq!(costs["gpu_seconds"], 1.5, "{results:#?}");
        assert!(costs["execution_time_seconds"].is_number(), "{results:#?}");
        let expected = if metadata.is_null() {
            Value::Null
        } else {
            json!("x")
        };
        assert_eq!(record["metadata"]["model"], expected, "{record:#}");
    }
}

fn skill<'a>(record: &'a Value, name: &str) -> &'a Value {
    let skills = record["supported_skills"].as_array().expect("a catalogue");
    let found = skills.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is missing: {skills:#?}"))
}
