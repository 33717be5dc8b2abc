//! The channel: when it is opened, and when again.

use axon_worker::transport::TransportError;

use super::*;

fn unreachable() -> TransportError {
    let reason = "as asked".to_owned();
    TransportError::Unreachable { reason }
}

fn unauthorized() -> TransportError {
    let reason = "as asked".to_owned();
    TransportError::Unauthorized { reason }
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
