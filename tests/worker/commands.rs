//! Commands that come over a channel of their own.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use axon_worker::transport::{CancelTarget, Command, CustomCommand, TransportError};
use axon_worker::{CommandCall, Outcome, RawJson, TaskError, WorkerBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Gate, SECOND, gated, reported, start, worker};
use crate::until::until;

fn cancel(id: impl Into<String>) -> Command {
    Command::Cancel(CancelTarget(id.into()))
}

fn custom(name: &str, params: &Value) -> Command {
    Command::Custom(CustomCommand {
        name: name.to_owned(),
        params: RawJson::from_serialize(params).unwrap(),
        task_id: None,
        job_id: Some("job-9".into()),
    })
}

fn listening(orchestrator: &MemoryOrchestrator, gate: &Arc<Gate>) -> WorkerBuilder {
    worker(orchestrator, gate).configure(|settings| settings.enable_websockets = true)
}

fn unreachable() -> TransportError {
    let reason = "as asked".to_owned();
    TransportError::Unreachable { reason }
}

fn unauthorized() -> TransportError {
    let reason = "as asked".to_owned();
    TransportError::Unauthorized { reason }
}

/// A handler that passes on what it was given.
fn telling<T: Send + 'static>() -> (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>) {
    mpsc::unbounded_channel()
}

#[actix_rt::test]
async fn a_cancel_reaches_the_handler_at_once() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    assert!(orchestrator.card().unwrap().takes_commands);
    let began = tokio::time::Instant::now();
    orchestrator.command(cancel(id.as_str()));
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(5));
}

#[actix_rt::test]
async fn without_the_setting_there_is_no_channel_and_none_is_promised() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Poll, 1).await;
    tokio::time::sleep(600 * SECOND).await;
    assert!(!orchestrator.card().unwrap().takes_commands);
    assert_eq!(orchestrator.count(Call::OpenCommands), 0);
}

#[actix_rt::test]
async fn a_cancel_that_overtakes_its_task_counts_and_the_handler_is_not_called() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.called(Call::OpenCommands, 1).await;
    // The ids of the memory orchestrator are known beforehand.
    orchestrator.command(cancel("task-1"));
    tokio::time::sleep(SECOND).await;
    let id = orchestrator.submit("gated", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(gate.most(), 0, "it never ran");
    // The slot is free, and the next task is none of the cancel's business.
    let next = orchestrator.submit("echo", &());
    let outcome = orchestrator.result_of(&next).await.outcome;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
}

#[actix_rt::test]
async fn a_task_that_waited_at_the_orchestrator_while_it_was_cancelled_never_runs() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate).max_concurrent_tasks(1)).await;
    orchestrator.submit("gated", &());
    gate.runs(1).await;
    let waiting = orchestrator.submit("gated", &());
    orchestrator.command(cancel(waiting.as_str()));
    tokio::time::sleep(120 * SECOND).await;
    gate.open(1);
    let result = orchestrator.result_of(&waiting).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
}

#[actix_rt::test]
async fn a_cancel_of_a_job_does_not_meet_what_the_job_does_later() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.command(cancel("job-1"));
    tokio::time::sleep(10 * SECOND).await;
    let id = orchestrator.submit("echo", &());
    let outcome = orchestrator.result_of(&id).await.outcome;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
}

#[actix_rt::test]
async fn a_task_that_waits_for_its_type_is_cancelled_over_the_channel() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.submit("video_a", &());
    gate.runs(1).await;
    let parked = orchestrator.submit("video_b", &());
    reported(&orchestrator, 2).await;
    orchestrator.command(cancel(parked.as_str()));
    let result = orchestrator.result_of(&parked).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    assert_eq!(gate.most(), 1);
}

#[actix_rt::test]
async fn cancels_over_channel_and_heartbeat_together_and_after_the_end_make_one_result() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    let done = orchestrator.submit("echo", &());
    orchestrator.result_of(&done).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    orchestrator.cancel_with_next_beat(id.as_str());
    for id in [done.as_str(), "never-heard-of", id.as_str(), id.as_str()] {
        orchestrator.command(cancel(id));
    }
    orchestrator.result_of(&id).await;
    orchestrator.command(cancel(id.as_str()));
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(orchestrator.results(2).await.len(), 2, "one result each");
}

#[actix_rt::test]
async fn an_orchestrator_cannot_cancel_the_tasks_of_another() {
    let (one, two) = (MemoryOrchestrator::new(), MemoryOrchestrator::new());
    let gate = Gate::closed();
    let handle = start(listening(&one, &gate).transport("two", two.connect())).await;
    let id = one.submit("polite", &());
    gate.runs(1).await;
    two.command(cancel(id.as_str()));
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(gate.running(), 1);
    handle.shutdown().await;
}

#[actix_rt::test]
async fn a_cancel_counts_until_the_end_of_a_drain_and_then_the_channel_closes() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(listening(&orchestrator, &gate)).await;
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    let ending = actix_rt::spawn({
        let handle = handle.clone();
        async move { handle.shutdown().await }
    });
    tokio::time::sleep(SECOND).await;
    assert!(orchestrator.has_commands_open());
    orchestrator.command(cancel(id.as_str()));
    let result = orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    ending.await.unwrap();
    assert!(!orchestrator.has_commands_open());
}

#[actix_rt::test]
async fn a_channel_that_breaks_is_opened_again_slower_and_slower() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    orchestrator.called(Call::OpenCommands, 1).await;
    tokio::time::sleep(20 * SECOND).await;
    orchestrator.fail_next(Call::OpenCommands, &unreachable(), 4);
    orchestrator.break_commands(unreachable());
    let began = tokio::time::Instant::now();
    orchestrator.called(Call::OpenCommands, 6).await;
    // 1 + 2 + 4 + 8 + 16 s, each up to half shorter.
    let waited = began.elapsed().as_secs();
    assert!((15..=31).contains(&waited), "{waited}");
    let id = orchestrator.submit("polite", &());
    gate.runs(1).await;
    orchestrator.command(cancel(id.as_str()));
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn whoever_is_let_in_and_thrown_out_at_once_does_not_come_back_in_a_hot_loop() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(listening(&orchestrator, &gate)).await;
    let replaced = TransportError::Refused {
        reason: "another connection took its place".to_owned(),
    };
    let began = tokio::time::Instant::now();
    for link in 1..=5 {
        orchestrator.called(Call::OpenCommands, link).await;
        until("the channel is open", || orchestrator.has_commands_open()).await;
        orchestrator.break_commands(replaced.clone());
        until("it breaks", || !orchestrator.has_commands_open()).await;
    }
    assert!(began.elapsed() >= 4 * 30 * SECOND, "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn refused_credentials_are_not_shown_again_for_long_even_after_a_registration() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(Call::OpenCommands, &unauthorized(), 1);
    start(listening(&orchestrator, &gate)).await;
    orchestrator.called(Call::OpenCommands, 1).await;
    orchestrator.forget_worker();
    orchestrator.called(Call::Register, 2).await;
    let registered = tokio::time::Instant::now();
    tokio::time::sleep(SECOND).await;
    assert_eq!(orchestrator.count(Call::OpenCommands), 1);
    orchestrator.called(Call::OpenCommands, 2).await;
    assert!(registered.elapsed() < 60 * SECOND);
}

#[actix_rt::test]
async fn a_registration_ends_the_wait_for_the_channel() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(Call::OpenCommands, &unreachable(), 30);
    start(listening(&orchestrator, &gate)).await;
    orchestrator.called(Call::OpenCommands, 9).await;
    orchestrator.forget_worker();
    orchestrator.called(Call::Register, 2).await;
    // Without it, the wait after the ninth failure would go on for half a minute.
    tokio::time::sleep(SECOND).await;
    assert_eq!(orchestrator.count(Call::OpenCommands), 10);
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
