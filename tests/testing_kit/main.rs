//! Calling handlers in tests: `axon_worker::testing::call`.

#![allow(unreachable_pub, reason = "one test program")]

mod around;
mod calls;
mod time;

use std::time::Duration;

use axon_worker::TaskError;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

#[derive(serde::Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

async fn sum(sum: Sum) -> Result<Value, TaskError> {
    Ok(json!({ "sum": sum.a + sum.b }))
}

async fn nap(seconds: u64) -> Result<u64, TaskError> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}
