//! Testing handlers: as the plain functions they are, and as part of a worker that
//! gets its tasks from the development orchestrator.
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
