//! One worker, two orchestrators, two dialects.

use std::time::Duration;

use crate::support::{OrchestratorSetup, Release, Stage, Storage, WORKER_TOKEN, eventually, json};

#[actix_rt::test]
async fn one_worker_serves_an_orchestrator_of_each_release() {
    let old = Stage::new(Release::V1_0b12, Storage::Memory).await;
    let setup =
        OrchestratorSetup::new(Release::V1_0b30).set("GLOBAL_WORKER_TOKEN", "of-the-newer-one");
    let mut new = Stage::with(Storage::Memory, setup).await;
    let orchestrators = json!([
        { "url": old.orchestrator.url(), "token": WORKER_TOKEN },
        { "url": new.orchestrator.url(), "token": "of-the-newer-one" },
    ]);
    let worker = new
        .worker()
        .set("ORCHESTRATORS_CONFIG", &orchestrators.to_string())
        // The older one does not sign its tasks.
        .set("REQUIRE_TASK_SIGNATURE", "false")
        .set("MULTI_ORCHESTRATOR_MODE", "ROUND_ROBIN")
        .start();
    for round in 0..2 {
        old.orchestrator.registered(worker.id()).await;
        new.orchestrator.registered(worker.id()).await;
        let mut jobs = Vec::new();
        for n in 0..20 {
            let order = json!({ "task": "add", "params": { "a": n, "b": round }, "wait": 60 });
            for stage in [&old, &new] {
                jobs.push((
                    stage,
                    n,
                    stage.orchestrator.submit("single", order.clone()).await,
                ));
            }
        }
        for (stage, n, job) in jobs {
            let record = stage.orchestrator.end_of(&job).await;
            assert_eq!(record["status"], "finished", "{record:#}");
            assert_eq!(record["state_history"]["sum"], n + round, "{record:#}");
            stage.orchestrator.results(&job, 1).await;
        }
        // Each is found again after it was away.
        new.orchestrator.kill();
        new.orchestrator.start().await;
    }
}

#[actix_rt::test]
async fn a_worker_notices_that_its_orchestrator_was_replaced_by_another_release() {
    let mut old = Stage::new(Release::V1_0b12, Storage::Memory).await;
    let port = old.orchestrator.address().1;
    let setup = OrchestratorSetup::new(Release::V1_0b30).on_port(port);
    let mut new = Stage::closed(Storage::Memory, setup).await;
    let worker = old.worker().start();
    old.orchestrator.registered(worker.id()).await;
    let sum = json!({ "a": 1, "b": 2 });
    let job = old.orchestrator.run_task("add", sum.clone()).await;
    assert_eq!(job["status"], "finished", "{job:#}");
    for _ in 0..2 {
        old.orchestrator.kill();
        new.orchestrator.start().await;
        new.orchestrator.registered(worker.id()).await;
        let job = new.orchestrator.run_task("add", sum.clone()).await;
        assert_eq!(job["status"], "finished", "{job:#}");
        new.orchestrator.kill();
        old.orchestrator.start().await;
        eventually("it is back", Duration::from_secs(30), || async {
            let workers = old.orchestrator.workers().await;
            if workers.is_empty() {
                Err(json!(workers))
            } else {
                Ok(())
            }
        })
        .await;
        let job = old.orchestrator.run_task("add", sum.clone()).await;
        assert_eq!(job["status"], "finished", "{job:#}");
    }
}

#[actix_rt::test]
async fn a_worker_that_wants_signed_tasks_takes_none_from_an_orchestrator_that_cannot_sign() {
    let old = Stage::new(Release::V1_0b12, Storage::Memory).await;
    let worker = old
        .worker()
        .set("ORCHESTRATOR_SECRET_KEY", "some-key")
        .start();
    old.orchestrator.registered(worker.id()).await;
    let job = old.orchestrator.run_task("echo", json!({})).await;
    assert_eq!(job["status"], "quarantined", "{job:#}");
    let id = job["id"].as_str().expect("an id");
    let results = old.orchestrator.results(id, 1).await;
    assert_eq!(results[0]["error"]["code"], "SECURITY_ERROR");
}
