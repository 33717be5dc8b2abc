//! Orchestrators that are away, slow, broken or restarted.

use std::time::Duration;

use axon_worker::ErrorCode;
use axon_worker::config::Settings;
use axon_worker::transport::TransportError;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};

use crate::log::Log;
use crate::support::{Gate, SECOND, failure, start, worker};
use crate::until::until;

fn unreachable() -> TransportError {
    TransportError::Unreachable {
        reason: "connection refused".into(),
    }
}

#[actix_rt::test]
async fn a_worker_started_before_its_orchestrator_registers_when_it_comes_up() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(Call::Register, &unreachable(), 6);
    let handle = start(worker(&orchestrator, &gate)).await;
    assert_eq!(handle.status().registered, 0);
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
    assert_eq!(orchestrator.count(Call::Register), 7);
    assert_eq!(handle.status().registered, 1);
}

#[actix_rt::test]
async fn a_failing_orchestrator_is_asked_less_and_less() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    for error in [
        unreachable(),
        TransportError::Unavailable {
            reason: "503".into(),
        },
        TransportError::Faulted {
            reason: "500".into(),
        },
        TransportError::Malformed {
            reason: "no JSON".into(),
            task: None,
        },
    ] {
        orchestrator.fail_next(Call::Poll, &error, 40);
    }
    start(worker(&orchestrator, &gate)).await;
    tokio::time::sleep(60 * SECOND).await;
    // 1, 2, 4, 5, 5 ... seconds, each less up to half by jitter.
    let polls = orchestrator.count(Call::Poll);
    assert!((10..=28).contains(&polls), "{polls} polls in a minute");
}

#[actix_rt::test]
async fn an_orchestrator_that_does_not_hold_its_polls_is_not_hammered() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.set_hold(Duration::ZERO);
    start(worker(&orchestrator, &gate)).await;
    tokio::time::sleep(60 * SECOND).await;
    assert!(
        orchestrator.count(Call::Poll) <= 70,
        "{}",
        orchestrator.count(Call::Poll)
    );
    orchestrator.set_hold(30 * SECOND);
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn after_an_outage_the_worker_asks_whether_it_is_still_known() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    // A heartbeat would learn it, too.
    let rarely = |settings: &mut Settings| settings.timing.heartbeat_interval = 3600 * SECOND;
    start(worker(&orchestrator, &gate).configure(rarely)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    // A restart: the open poll breaks, and the orchestrator knows nobody.
    orchestrator.set_hold(SECOND);
    orchestrator.called(Call::Poll, 2).await;
    orchestrator.forget_worker();
    orchestrator.fail_next(Call::Poll, &unreachable(), 1);
    orchestrator.called(Call::Poll, 3).await;
    let began = tokio::time::Instant::now();
    orchestrator.called(Call::Register, 2).await;
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    assert_eq!(orchestrator.count(Call::Probe), 1);
}

#[actix_rt::test]
async fn after_an_outage_with_many_open_polls_polling_goes_on() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    // Several polls are open when the orchestrator goes away, and it comes back
    // without its memory.
    for _ in 0..20 {
        orchestrator.submit("echo", &());
    }
    orchestrator.results(20).await;
    orchestrator.forget_worker();
    orchestrator.set_hold(SECOND);
    orchestrator.fail_next(Call::Poll, &unreachable(), 6);
    orchestrator.fail_next(Call::Probe, &unreachable(), 2);
    tokio::time::sleep(60 * SECOND).await;
    for _ in 0..3 {
        let began = tokio::time::Instant::now();
        let id = orchestrator.submit("echo", &());
        orchestrator.result_of(&id).await;
        assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
    }
}

/// One call is refused as if from a stranger, while registering works.
async fn refused_as_a_stranger(call: Call) {
    let unauthorized = TransportError::Unauthorized {
        reason: "403".into(),
    };
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(call, &unauthorized, 100_000);
    orchestrator.submit("echo", &());
    let handle = start(worker(&orchestrator, &gate)).await;
    tokio::time::sleep(600 * SECOND).await;

    // 1, 2, 4 ... 60 seconds, each less up to half by jitter.
    let registrations = orchestrator.count(Call::Register);
    assert!((8..=40).contains(&registrations), "{registrations}");
    let calls = orchestrator.count(call);
    assert!(calls <= 300, "{calls}");

    // What works goes on meanwhile, and all is well when the refusals end.
    assert_eq!(handle.status().registered, 1);
    if call == Call::Heartbeat {
        assert_eq!(orchestrator.results(1).await.len(), 1);
    }
    orchestrator.fail_no_more();
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
    let before = orchestrator.count(Call::Register);
    tokio::time::sleep(600 * SECOND).await;
    assert!(orchestrator.count(Call::Register) <= before + 1);
}

#[actix_rt::test]
async fn a_registration_that_does_not_help_results_is_repeated_less_and_less() {
    refused_as_a_stranger(Call::Deliver).await;
}

#[actix_rt::test]
async fn a_registration_that_does_not_help_polls_is_repeated_less_and_less() {
    refused_as_a_stranger(Call::Poll).await;
}

#[actix_rt::test]
async fn a_registration_that_does_not_help_heartbeats_is_repeated_less_and_less() {
    refused_as_a_stranger(Call::Heartbeat).await;
}

#[actix_rt::test]
async fn a_result_survives_any_outage() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let away = TransportError::NoAnswer {
        reason: "time-out".into(),
    };
    orchestrator.fail_next(Call::Deliver, &away, 200);
    start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
    assert_eq!(orchestrator.count(Call::Deliver), 201);
}

#[actix_rt::test]
async fn results_that_nobody_takes_do_not_pile_up_without_bound() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(Call::Deliver, &unreachable(), 1100);
    for _ in 0..1500 {
        orchestrator.submit("echo", &());
    }
    let handle = start(worker(&orchestrator, &gate)).await;
    until("nothing more is taken", || handle.status().unsent >= 1024).await;
    tokio::time::sleep(60 * SECOND).await;
    // What was polled for at that moment still comes.
    assert!(
        handle.status().unsent <= 1024 + 20,
        "{}",
        handle.status().unsent
    );
    assert!(orchestrator.queued() > 400);
    orchestrator.results(1500).await;
}

#[actix_rt::test]
async fn a_result_that_is_refused_becomes_a_failure_that_says_so() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    orchestrator.fail_next(
        Call::Deliver,
        &TransportError::TooLarge { size: 2_000_000 },
        1,
    );
    let handle = start(worker(&orchestrator, &gate)).await;
    let id = orchestrator.submit("echo", &());
    let result = orchestrator.result_of(&id).await;
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    assert!(failure(&result).message().contains("2000000 bytes"));
    tokio::time::sleep(SECOND).await;
    assert_eq!(
        (handle.status().totals.lost, handle.status().unsent),
        (0, 0)
    );
}

#[actix_rt::test]
async fn a_task_that_cannot_be_read_is_answered_and_the_next_one_runs() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let garbled = TransportError::Malformed {
        reason: "field `type`: invalid type".into(),
        task: Some(("t-9".into(), "j-9".into())),
    };
    orchestrator.fail_next(Call::Poll, &garbled, 1);
    start(worker(&orchestrator, &gate)).await;
    let result = orchestrator.result_of(&"t-9".into()).await;
    assert_eq!(result.job_id.as_str(), "j-9");
    assert_eq!(failure(&result).code(), &ErrorCode::Permanent);
    let began = tokio::time::Instant::now();
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
    assert!(began.elapsed() < SECOND, "no backoff for one bad task");
}

#[actix_rt::test]
async fn a_task_that_was_cut_off_is_given_back_to_be_handed_out_again() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let cut_off = TransportError::CutOff {
        reason: "the connection closed".into(),
        task: ("t-9".into(), "j-9".into()),
    };
    orchestrator.fail_next(Call::Poll, &cut_off, 1);
    start(worker(&orchestrator, &gate)).await;
    let result = orchestrator.result_of(&"t-9".into()).await;
    assert_eq!(result.job_id.as_str(), "j-9");
    assert_eq!(failure(&result).code(), &ErrorCode::Transient);
}

#[actix_rt::test]
async fn refused_credentials_lead_to_a_new_registration() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Heartbeat, 1).await;
    orchestrator.set_hold(SECOND);
    let refused = TransportError::Unauthorized {
        reason: "401".into(),
    };
    orchestrator.fail_next(Call::Poll, &refused, 1);
    orchestrator.called(Call::Register, 2).await;
    let id = orchestrator.submit("echo", &());
    orchestrator.result_of(&id).await;
}

#[actix_rt::test]
async fn results_that_do_not_go_out_are_told_now_and_then_and_so_is_the_end_of_it() {
    let (log, _guard) = Log::begin();
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let handle = start(worker(&orchestrator, &gate)).await;
    orchestrator.fail_next(Call::Deliver, &unreachable(), 1_000_000);
    for n in 0..3 {
        orchestrator.submit("echo", &n);
    }
    until("all wait", || handle.status().unsent == 3).await;
    orchestrator.called(Call::Deliver, 4).await;
    let told = "results do not go out";
    assert_eq!(log.lines_with(told), 1, "at once");
    tokio::time::sleep(Duration::from_mins(20)).await;
    let lines = log.lines(told);
    assert_eq!(lines.len(), 5, "after 1, 3, 7 and 15 minutes: {lines:#?}");
    let last = &lines[4];
    let minutes = last.split_once("oldest_seconds=").and_then(|(_, rest)| {
        let seconds = rest.split(' ').next()?;
        Some(seconds.parse::<u64>().ok()? / 60)
    });
    assert!(minutes >= Some(15), "{last}");
    for part in [
        "WARN",
        "orchestrator=\"memory\"",
        "unsent=3",
        "connection refused",
    ] {
        assert!(last.contains(part), "{part}: {last}");
    }
    assert_eq!(log.lines_with("results go out again"), 0);
    orchestrator.clear_faults();
    until("all are out", || handle.status().unsent == 0).await;
    assert_eq!(log.lines_with("results go out again"), 1);
    // Another failure soon afterwards is no news.
    assert_eq!(log.lines_with(told), 5);
}

#[actix_rt::test]
async fn a_poll_that_is_cut_while_heartbeats_are_answered_is_an_empty_one() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let cut = TransportError::PollCut {
        after: 5 * SECOND,
        reason: "status 504".into(),
    };
    orchestrator.fail_next(Call::Poll, &cut, 50);
    let began = tokio::time::Instant::now();
    start(worker(&orchestrator, &gate)).await;
    orchestrator.called(Call::Poll, 51).await;
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_eq!(orchestrator.count(Call::Register), 1);
    let task = orchestrator.submit("echo", &());
    orchestrator.result_of(&task).await;
}

#[actix_rt::test]
async fn a_poll_that_is_cut_while_heartbeats_fail_is_a_failure() {
    let (orchestrator, gate) = (MemoryOrchestrator::new(), Gate::closed());
    let cut = TransportError::PollCut {
        after: 5 * SECOND,
        reason: "status 504".into(),
    };
    orchestrator.fail_next(Call::Heartbeat, &unreachable(), 1_000_000);
    orchestrator.fail_next(Call::Probe, &unreachable(), 1_000_000);
    orchestrator.fail_next(Call::Poll, &cut, 1_000_000);
    start(worker(&orchestrator, &gate)).await;
    tokio::time::sleep(60 * SECOND).await;
    let asked = orchestrator.count(Call::Poll) + orchestrator.count(Call::Probe);
    assert!(asked < 60, "{asked} polls in a minute");
}
