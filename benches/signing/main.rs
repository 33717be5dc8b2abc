//! What it costs to sign a result of 1 KiB: its canonical form, the signature over it, and both
//! with writing the message. Prints; asserts nothing but that the signature verifies. See
//! `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench signing
//! ```
//!
//! Without `--bench`, as under `cargo test`, it only shows that it works.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axon_worker::transport::rxon::security::{
    MessageKind, Signer, SigningKey, canonical, seal, seal_value, verify_message,
};
use serde_json::{Value, json};

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let rounds = if is_bench { 20_000 } else { 20 };
    let key = SigningKey::new("dummy-worker-token").expect("not empty");
    let signer = Signer::new("worker-1");
    for (shape, data) in [
        ("a few long texts", texts()),
        ("many small numbers", numbers()),
        ("many members out of order", members()),
    ] {
        let message = result(data);
        let body = serde_json::to_vec(&message).expect("JSON");
        let form = canonical(&body, &[]).expect("can be signed");
        let sealed = seal(&body, MessageKind::Result, &key, signer).expect("can be signed");
        verify_message(&sealed, MessageKind::Result, &key).expect("just signed");
        println!("{shape}, {} bytes:", body.len());
        print("canonical form", rounds, || canonical(&body, &[]));
        print("signature over it", rounds, || key.sign(&form));
        let (all, goal) = (MessageKind::Result, "both (goal: at most 10 us for 1 KiB)");
        print(goal, rounds, || seal(&body, all, &key, signer));
        print("both, and writing the value", rounds, || {
            seal_value(&message, all, &key, signer)
        });
        print("verifying it", rounds, || {
            verify_message(&sealed, all, &key)
        });
    }
}

/// The middle of ten runs, so that another program on the machine does not count.
fn print<T>(what: &str, rounds: u32, mut work: impl FnMut() -> T) {
    let mut runs: Vec<Duration> = (0..10)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..rounds {
                black_box(work());
            }
            began.elapsed() / rounds
        })
        .collect();
    runs.sort();
    println!("  {what}: {:.2} us", runs[5].as_secs_f64() * 1e6);
}

fn result(data: Value) -> Value {
    json!({
        "job_id": "89a32e70-4a64-451a-a795-722c4d6ced16",
        "task_id": "task-60762743-81e8-4996-b92f-ec5fd6d81393",
        "worker_id": "worker-1",
        "origin_worker_id": "worker-1",
        "data": data,
        "costs": {"execution_time_seconds": 0.0421},
        "timestamp": 1_700_000_000,
    })
}

fn texts() -> Value {
    json!({"summary": "One line of plain text. ".repeat(16), "text": "Привет, мир! ".repeat(16)})
}

fn numbers() -> Value {
    let samples: Vec<f64> = (1..60).map(|n| f64::from(n) / 7.0 + 100.0).collect();
    let sizes: Vec<u64> = (0..40).map(|n| n * 1_000_003).collect();
    json!({"samples": samples[..30], "sizes": sizes})
}

fn members() -> Value {
    let row = |n: u32| json!({"z": n, "name": format!("row {n}"), "ok": true, "a": null});
    json!({"rows": (0..18).map(row).collect::<Vec<_>>()})
}
