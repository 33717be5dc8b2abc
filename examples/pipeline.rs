//! A job of several steps, described in JSON: a custom status chooses the next step,
//! two tasks run at once, and a typed error ends the job.
//!
//! ```sh
//! cargo run --example pipeline
//! ```

use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{ErrorCode, RawJson, Reply, TaskError, Worker};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Order {
    item: String,
    count: u32,
}

/// Large orders take another way; what is not sold here is a failure.
async fn check(order: Order) -> Result<Reply, TaskError> {
    match (order.item.as_str(), order.count) {
        (_, 0) => Err(TaskError::invalid_input("field `count`: must not be 0")),
        ("lamp" | "chair", 1..=99) => Reply::success(&json!({ "checked": true })),
        ("lamp" | "chair", count) => Reply::status_with("large", &json!({ "count": count })),
        (item, _) => Err(TaskError::new(
            ErrorCode::Permanent,
            format!("{item} is not sold here"),
        )),
    }
}

async fn approve(order: Order) -> Result<Value, TaskError> {
    Ok(json!({ "approved": order.count }))
}

async fn price(order: Order) -> Result<Value, TaskError> {
    Ok(json!({ "euros": order.count * if order.item == "lamp" { 40 } else { 90 } }))
}

async fn reserve(order: Order) -> Result<Value, TaskError> {
    Ok(json!({ "shelf": format!("{}-7", order.item) }))
}

/// Sees what the steps before have left.
async fn ship(params: RawJson) -> Result<Value, TaskError> {
    Ok(json!({ "shipped": params }))
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orchestrator = DevOrchestrator::start().await?;
    let worker = Worker::builder("shop")
        .settings(orchestrator.worker_settings())
        .task("check", check)
        .task("approve", approve)
        .task("price", price)
        .task("reserve", reserve)
        .task("ship", ship)
        .spawn()?;

    let spec = JobSpec::from_json(json!({
        "start": "checking",
        "steps": {
            "checking": {
                "task": "check",
                "params": "$input",
                "transitions": { "success": "preparing", "large": "approving" },
            },
            "approving": {
                "task": "approve",
                "params": "$input",
                "transitions": { "success": "preparing" },
            },
            "preparing": {
                "parallel": [
                    { "name": "price", "task": "price", "params": "$input" },
                    { "name": "stock", "task": "reserve", "params": "$input" },
                ],
                "transitions": { "success": "shipping" },
            },
            "shipping": {
                "task": "ship",
                "params": { "for": "$data.price.euros", "from": "$data.stock.shelf" },
            },
        },
    }))?;
    for (item, count) in [("lamp", 2), ("chair", 500), ("dragon", 1), ("lamp", 0)] {
        let order = spec.clone().input(json!({ "item": item, "count": count }));
        let report = orchestrator.submit(order).await?.finished().await;
        let steps: Vec<_> = report
            .history
            .iter()
            .map(|task| task.task.as_str())
            .collect();
        println!("{count} x {item}: {} -> {}", steps.join(", "), report.step);
        println!(
            "  {:?} {}",
            report.state,
            report.error.unwrap_or(report.data.to_string())
        );
    }
    println!("{:?}", worker.shutdown().await);
    Ok(())
}
