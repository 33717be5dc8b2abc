//! Testing handlers: as the plain functions they are, as a worker calls them, and as part
//! of a worker that gets its tasks from an orchestrator, in memory or over HTTP.
//!
//! ```sh
//! cargo run --example testing
//! cargo test --example testing
//! ```

use axon_worker::config::Settings;
use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{TaskError, Worker, WorkerBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Division {
    dividend: i64,
    divisor: i64,
}

async fn divide(params: Division) -> Result<Value, TaskError> {
    let quotient = params.dividend.checked_div(params.divisor);
    let quotient = quotient.ok_or_else(|| TaskError::invalid_input("cannot be divided"))?;
    Ok(json!({ "quotient": quotient }))
}

/// The worker as the program builds it, but for its settings: tests have others.
fn calculator(settings: Settings) -> WorkerBuilder {
    Worker::builder("calculator")
        .settings(settings)
        .task("divide", divide)
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orchestrator = DevOrchestrator::start().await?;
    let worker = calculator(orchestrator.worker_settings()).spawn()?;
    let job = JobSpec::task("divide", json!({ "dividend": 42, "divisor": 7 }));
    let report = orchestrator.submit(job).await?.finished().await;
    println!("{:?}: {}", report.state, report.data);
    worker.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axon_worker::ErrorCode;
    use axon_worker::dev::{Endpoint, Fault, JobState};
    use axon_worker::testing::{self, Expect, MemoryOrchestrator};
    use std::time::Duration;

    #[actix_rt::test]
    async fn a_handler_is_a_function() {
        let half = divide(Division {
            dividend: 1,
            divisor: 2,
        })
        .await
        .unwrap();
        assert_eq!(half, json!({ "quotient": 0 }));
        let error = divide(Division {
            dividend: 1,
            divisor: 0,
        })
        .await
        .unwrap_err();
        assert_eq!(error.code(), &ErrorCode::InvalidInput);
    }

    /// With parameters that are parsed, an outcome, and limits.
    #[actix_rt::test]
    async fn a_handler_as_a_worker_calls_it() {
        let wanted = json!({ "dividend": 42, "divisor": 7 });
        let end = testing::call(divide).params(&wanted).await;
        assert_eq!(end.data::<Value>(), json!({ "quotient": 6 }));

        let end = testing::call(divide)
            .params(&json!({ "dividend": 1 }))
            .await;
        assert_eq!(end.failure().code(), &ErrorCode::InvalidInput);
        assert!(end.failure().message().contains("`divisor`"));
    }

    /// An outage of an hour takes no time.
    #[actix_rt::test]
    async fn a_worker_on_a_paused_clock() {
        tokio::time::pause();
        let orchestrator = MemoryOrchestrator::new();
        let builder = calculator(Settings::default());
        let builder = builder.transport("memory", orchestrator.connect());
        builder.build().unwrap().spawn_local().await.unwrap();
        orchestrator.knows_workers(1).await;
        orchestrator.go_down();
        tokio::time::sleep(Duration::from_hours(1)).await;
        orchestrator.come_up();
        let task = orchestrator.submit("divide", &json!({ "dividend": 6, "divisor": 3 }));
        let result = orchestrator.result_of(&task).await;
        assert_eq!(result.data::<Value>(), json!({ "quotient": 2 }));
    }

    #[actix_rt::test]
    async fn wrong_parameters_fail_the_job_and_name_the_field() {
        let orchestrator = DevOrchestrator::start().await.unwrap();
        let worker = calculator(orchestrator.worker_settings()).spawn().unwrap();
        let job = JobSpec::task("divide", json!({ "dividend": "one", "divisor": 2 }));
        let report = orchestrator.submit(job).await.unwrap().finished().await;
        assert_eq!(report.state, JobState::Failed);
        assert!(report.error.unwrap().contains("field `dividend`"));
        worker.shutdown().await;
    }

    #[actix_rt::test]
    async fn a_result_survives_an_orchestrator_that_fails() {
        let orchestrator = DevOrchestrator::start().await.unwrap();
        orchestrator.fail_next(Endpoint::Result, Fault::Status(503), 1);
        let worker = calculator(orchestrator.worker_settings()).spawn().unwrap();
        let job = JobSpec::task("divide", json!({ "dividend": 6, "divisor": 3 }));
        let report = orchestrator.submit(job).await.unwrap().finished().await;
        assert_eq!(report.data, json!({ "quotient": 2 }));
        assert_eq!(worker.shutdown().await.unsent, 0);
    }
}
