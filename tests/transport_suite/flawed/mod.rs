//! Transports that break a rule each, and are found out.

mod peer;
mod transport;

use axon_worker::testing::transport_suite::{self, SuiteReport, Verdict};
use axon_worker::transport::TransportError;
use futures_util::future::LocalBoxFuture;

use self::peer::FlawedPeer;
use crate::assert_kept_but;
use crate::memory::InMemory;

type Answer<'a, T> = LocalBoxFuture<'a, Result<T, TransportError>>;

const SECRET: &str = "hunter2";

/// What a transport gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    KnowsStrangers,
    PanicsBeforeRegistration,
    ForgetsToRegister,
    RegistersOnce,
    ParamsChanged,
    WrongOrigin,
    PollsNotHeld,
    PollsSleepTooLong,
    OnePollAtATime,
    DropsLoseTasks,
    ResultsKept,
    DataLost,
    FailuresSucceed,
    SecondResultFails,
    SecondResultCounts,
    LostResultsAccepted,
    ForgottenUnnoticed,
    NoHeartbeats,
    NoProgress,
    NoCancels,
    DropsLoseCommands,
    DownIsFine,
    CutsUnnoticed,
    AllRefusedAlike,
    GarbledPanics,
    GarbledIsNothing,
    UnreadableUnnamed,
    DeliveryHangs,
    DebugShowsToken,
    ErrorsShowToken,
}

async fn report(flaw: Flaw) -> SuiteReport {
    let start = async || FlawedPeer {
        peer: InMemory::new(),
        flaw,
    };
    transport_suite::run(start).await
}

#[actix_rt::test]
async fn without_a_flaw_every_rule_is_checked_and_kept() {
    tokio::time::pause();
    assert_kept_but(&report(Flaw::None).await, &[]);
}

#[actix_rt::test]
async fn every_flaw_is_found_out_by_its_rule() {
    tokio::time::pause();
    let mut rules_broken = Vec::new();
    for (flaw, rule) in [
        (Flaw::KnowsStrangers, "strangers"),
        (Flaw::PanicsBeforeRegistration, "strangers"),
        (Flaw::ForgetsToRegister, "registers"),
        (Flaw::RegistersOnce, "registers often"),
        (Flaw::ParamsChanged, "tasks come whole"),
        (Flaw::WrongOrigin, "tasks come whole"),
        (Flaw::PollsNotHeld, "polls are held"),
        (Flaw::PollsSleepTooLong, "polls end with the task"),
        (Flaw::OnePollAtATime, "several polls"),
        (Flaw::DropsLoseTasks, "dropped polls lose nothing"),
        (Flaw::ResultsKept, "results arrive"),
        (Flaw::DataLost, "results arrive"),
        (Flaw::FailuresSucceed, "results arrive"),
        (Flaw::SecondResultFails, "results may come twice"),
        (Flaw::SecondResultCounts, "results may come twice"),
        (Flaw::LostResultsAccepted, "results wait"),
        (Flaw::ForgottenUnnoticed, "being forgotten shows"),
        (Flaw::NoHeartbeats, "heartbeats arrive"),
        (Flaw::NoProgress, "progress arrives"),
        (Flaw::NoCancels, "cancels arrive"),
        (
            Flaw::DropsLoseCommands,
            "dropped waits for commands lose nothing",
        ),
        (Flaw::DownIsFine, "no connection is an error"),
        (Flaw::CutsUnnoticed, "a cut ends polls"),
        (Flaw::AllRefusedAlike, "refusals keep their meaning"),
        (Flaw::GarbledPanics, "garbled answers"),
        (Flaw::GarbledIsNothing, "garbled answers"),
        (Flaw::UnreadableUnnamed, "unreadable tasks are named"),
        (Flaw::DeliveryHangs, "every call ends"),
        (Flaw::DebugShowsToken, "secrets stay inside"),
        (Flaw::ErrorsShowToken, "secrets stay inside"),
    ] {
        let report = report(flaw).await;
        assert!(report.broken().contains(&rule), "{flaw:?}\n{report}");
        let found = report.rules.iter().find(|it| it.name == rule).unwrap();
        let Verdict::Broken(how) = &found.verdict else {
            panic!("{found}")
        };
        // It says how it showed and what is demanded, and no secret.
        assert!(!how.is_empty() && !found.demand.is_empty());
        let shown = report.to_string();
        assert!(
            shown.contains(found.demand) && !shown.contains(SECRET),
            "{shown}"
        );
        rules_broken.push(rule);
    }
    // No rule is there for nothing.
    for rule in report(Flaw::None).await.kept() {
        assert!(rules_broken.contains(&rule), "no flaw breaks {rule:?}");
    }
}

#[actix_rt::test]
#[should_panic(expected = "BROKEN     heartbeats arrive: ")]
async fn a_broken_rule_fails_the_test_of_its_author() {
    tokio::time::pause();
    report(Flaw::NoHeartbeats).await.assert_kept();
}
