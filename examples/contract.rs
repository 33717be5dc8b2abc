//! A skill with a contract: its parameters, its result and its events are described by
//! its Rust types, told to the orchestrator, and held against what really happens.
//!
//! ```sh
//! cargo run --example contract --features contracts
//! ```

use axon_worker::config::Settings;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Outcome, TaskContext, TaskError, TaskSpec, Worker, contract};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the skill takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Brew {
    /// How many cups.
    cups: u8,
    /// What to put in.
    kind: Kind,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Coffee,
    Tea,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
struct Brewed {
    /// How much there is.
    millilitres: u32,
}

/// What it tells meanwhile.
#[derive(Serialize, JsonSchema)]
struct Poured {
    cup: u8,
}

async fn brew(params: Brew, task: TaskContext) -> Result<Brewed, TaskError> {
    for cup in 1..=params.cups {
        task.send_event("poured", &Poured { cup }).await?;
    }
    let cup = match params.kind {
        Kind::Coffee => 120,
        Kind::Tea => 250,
    };
    Ok(Brewed {
        millilitres: u32::from(params.cups) * cup,
    })
}

/// Says that it gives the same, but does not.
async fn spill(_: Value, task: TaskContext) -> Result<Value, TaskError> {
    let spilt = task.send_event("spilt", &json!({ "cup": 1 })).await;
    println!(
        "   the event {:?}",
        spilt.expect_err("is not declared").message()
    );
    Ok(json!({ "millilitres": "all of it" }))
}

#[actix_rt::main]
async fn main() -> axon_worker::Result<()> {
    let orchestrator = MemoryOrchestrator::new();
    let worker = Worker::builder("kitchen")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task(
            TaskSpec::named("brew")
                .version("1.2")
                .event::<Poured>("poured"),
            contract(brew),
        )
        .task(
            TaskSpec::named("spill")
                .output::<Brewed>()
                .event::<Poured>("poured"),
            spill,
        )
        .spawn()?;

    orchestrator.report_where(|_| true).await;
    let card = orchestrator.card().expect("it has registered");
    let told = &card.tasks[0].contract;
    println!("takes {}", told.input.as_ref().expect("derived"));
    println!("gives {}", told.output.as_ref().expect("derived"));
    println!("tells {}\n", told.events["poured"]);

    let mut ends = Vec::new();
    for (task, params) in [
        ("brew", json!({ "cups": 2, "kind": "tea" })),
        ("brew", json!({ "cups": "two", "kind": "tea" })),
        ("brew", json!({ "cups": 2 })),
        ("brew", json!({ "cups": 2, "kind": "soup" })),
        ("brew", json!({ "cups": 2, "kind": "tea", "sugar": 1 })),
        ("spill", json!({})),
    ] {
        println!("{task} {params}");
        let id = orchestrator.submit(task, &params);
        let end = match orchestrator.result_of(&id).await.outcome {
            Outcome::Completed(reply) => reply.data().as_str().to_owned(),
            Outcome::Failed(error) => format!("{}: {}", error.code(), error.message()),
            other => format!("{other:?}"),
        };
        println!("-> {end}");
        ends.push(end);
    }
    let events = orchestrator.events();
    let cups: Vec<_> = events.iter().map(|event| event.payload.as_str()).collect();
    println!("\nevents: {cups:?}");
    worker.shutdown().await;

    assert_eq!(
        ends,
        [
            r#"{"millilitres":500}"#,
            "INVALID_INPUT_ERROR: Field 'cups': Expected integer",
            "INVALID_INPUT_ERROR: Missing required field: 'kind'",
            "INVALID_INPUT_ERROR: Field 'kind': Value 'soup' is not allowed. \
             Must be one of: ['coffee', 'tea']",
            "INVALID_INPUT_ERROR: Unexpected field: 'sugar'",
            "CONTRACT_VIOLATION_ERROR: the result breaks the contract: \
             Field 'millilitres': Expected integer",
        ]
    );
    assert_eq!(cups, [r#"{"cup":1}"#, r#"{"cup":2}"#]);
    Ok(())
}
