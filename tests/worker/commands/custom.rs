//! Commands of the user's own, and their handlers.

use actix::prelude::*;
use axon_worker::transport::CustomCommand;
use axon_worker::{CommandCall, RawJson, TaskError};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::support::gated;

fn custom(name: &str, params: &Value) -> Command {
    Command::Custom(CustomCommand {
        name: name.to_owned(),
        params: RawJson::from_serialize(params).unwrap(),
        task_id: None,
        job_id: Some("job-9".into()),
    })
}

/// A handler that passes on what it was given.
fn telling<T: Send + 'static>() -> (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>) {
    mpsc::unbounded_channel()
}

#[actix_rt::test]
async fn a_custom_command_comes_with_its_parameters_and_shared_data() {
    #[derive(serde::Deserialize)]
    struct Reload {
        model: String,
    }
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let (tell, mut told) = telling();
    let reload = move |params: Reload, call: CommandCall| {
        let tell = tell.clone();
        async move {
            let most = call.data::<Arc<Gate>>()?.most();
            let job = call.job_id().unwrap().to_string();
            tell.send((call.name().to_owned(), params.model, job, most))?;
            Ok(())
        }
    };
    start(listening(&orchestrator, &gate).command("reload", reload)).await;
    // Wrong parameters and unknown commands change nothing for those that follow.
    orchestrator.command(custom("reload", &json!({"model": 7})));
    orchestrator.command(custom("what is this", &json!({})));
    orchestrator.command(custom("reload", &json!({"model": "sd-1.5"})));
    let expected = (
        "reload".to_owned(),
        "sd-1.5".to_owned(),
        "job-9".to_owned(),
        0,
    );
    assert_eq!(told.recv().await, Some(expected));
}

#[actix_rt::test]
async fn a_command_handler_that_hangs_or_panics_holds_up_no_cancel_and_no_command() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let (tell, mut told) = telling();
    let hang = {
        let tell = tell.clone();
        move |_: Value| {
            let tell = tell.clone();
            async move {
                tell.send("hangs")?;
                std::future::pending::<Result<(), TaskError>>().await
            }
        }
    };
    let panic = |_: Value| async { panic!("as asked") };
    let quick = move |_: Value| {
        let told = tell.send("quick");
        async move { Ok(told?) }
    };
    let builder = listening(&orchestrator, &gate)
        .command("hang", hang)
        .command("panic", panic)
        .command("quick", quick);
    start(builder).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    for name in ["hang", "panic", "quick"] {
        orchestrator.command(custom(name, &json!({})));
    }
    orchestrator.command(cancel(id.as_str()));
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(told.recv().await, Some("hangs"));
    assert_eq!(told.recv().await, Some("quick"));
}

#[actix_rt::test]
async fn a_flood_of_commands_to_a_handler_that_hangs_is_bounded() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hang = {
        let running = running.clone();
        move |_: Value| {
            running.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::future::pending::<Result<(), TaskError>>()
        }
    };
    start(listening(&orchestrator, &gate).command("hang", hang)).await;
    for _ in 0..500 {
        orchestrator.command(custom("hang", &json!({})));
    }
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    orchestrator.command(cancel(id.as_str()));
    orchestrator.result_of(&id).await;
    assert_eq!(running.load(std::sync::atomic::Ordering::SeqCst), 64);
}

struct Listener(mpsc::UnboundedSender<String>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<CommandCall> for Listener {
    type Result = ();

    fn handle(&mut self, call: CommandCall, _: &mut Self::Context) {
        let value: Value = call.parse().unwrap();
        let _ = self.0.send(format!("{} {value}", call.name()));
    }
}

#[actix_rt::test]
async fn an_actor_can_be_the_handler_of_a_command() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let (tell, mut told) = telling();
    let listener = Listener(tell).start().recipient::<CommandCall>();
    start(listening(&orchestrator, &gate).command("note", listener)).await;
    orchestrator.command(custom("note", &json!([1])));
    assert_eq!(told.recv().await.as_deref(), Some("note [1]"));
}

#[actix_rt::test]
async fn a_command_registered_twice_is_a_mistake() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let nothing = |_: Value| async { Ok(()) };
    let builder = listening(&orchestrator, &gate)
        .command("a", nothing)
        .command("a", nothing)
        .task("unused", gated);
    let error = builder.build().unwrap_err().to_string();
    assert!(
        error.contains("command \"a\" is registered twice"),
        "{error}"
    );
}
