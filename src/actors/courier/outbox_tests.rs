//! Results that are refused, limited, lost and late.

use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn outbox() -> Outbox {
    Outbox::new(2, 2, SECOND, SECOND, Ambiguous::Repeat)
}

fn outage() -> Result<Receipt, TransportError> {
    Err(TransportError::Unreachable {
        reason: "refused".into(),
    })
}

#[test]
fn an_outage_is_waited_out_however_long_it_lasts() {
    let (mut outbox, mut now) = (outbox(), Instant::now());
    let ticket = outbox.add(0);
    for _ in 0..100 {
        assert_eq!(outbox.due(now), [ticket]);
        assert_eq!(outbox.answered(ticket, &outage(), now, 0.0), Verdict::Later);
        now = outbox.wake_at(now).expect("a next attempt");
    }
    assert_eq!(outbox.due(now), [ticket]);
    assert_eq!(
        outbox.answered(ticket, &Ok(Receipt::Accepted), now, 0.0),
        Verdict::Done
    );
    assert_eq!(outbox.len(), 0);
}

#[test]
fn a_lost_answer_ends_a_result_only_where_that_was_asked_for() {
    let no_answer = Err(TransportError::NoAnswer {
        reason: "time-out".into(),
    });
    for (setting, verdict) in [
        (Ambiguous::Repeat, Verdict::Later),
        (Ambiguous::Drop, Verdict::Done),
    ] {
        let (mut outbox, now) = (Outbox::new(1, 2, SECOND, SECOND, setting), Instant::now());
        let ticket = outbox.add(0);
        outbox.due(now);
        assert_eq!(outbox.answered(ticket, &outage(), now, 0.0), Verdict::Later);
        let now = outbox.wake_at(now).expect("a next attempt");
        outbox.due(now);
        assert_eq!(outbox.answered(ticket, &no_answer, now, 0.0), verdict);
        assert_eq!(outbox.len(), usize::from(verdict == Verdict::Later));
    }
}

#[test]
fn a_dead_orchestrator_holds_up_nobody_else() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let stuck = outbox.add(0);
    outbox.due(now);
    outbox.answered(stuck, &outage(), now, 0.0);
    let (behind, other) = (outbox.add(0), outbox.add(1));
    assert_eq!(outbox.due(now), [other]);
    assert_eq!(
        outbox.due(now + SECOND),
        [stuck],
        "one tries the way before {behind:?}"
    );
}

#[test]
fn a_result_that_is_never_taken_holds_up_no_other() {
    let (mut outbox, mut now) = (outbox(), Instant::now());
    let bad = outbox.add(0);
    let others: Vec<_> = (0..200).map(|_| outbox.add(0)).collect();

    let (mut delivered, mut failures) = (0, 0);
    let began = now;
    while delivered < others.len() {
        for ticket in outbox.due(now) {
            if ticket == bad {
                outbox.answered(ticket, &outage(), now, 0.0);
                failures += 1;
            } else {
                outbox.answered(ticket, &Ok(Receipt::Accepted), now, 0.0);
                delivered += 1;
            }
        }
        now = outbox.wake_at(now).unwrap_or(now);
    }
    assert!(now - began <= 2 * SECOND, "{:?}", now - began);

    // It is tried less and less often, whatever comes beside it.
    let began = now;
    while now < began + 600 * SECOND {
        let next = outbox.add(0);
        for ticket in outbox.due(now) {
            let taken = if ticket == bad {
                outage()
            } else {
                Ok(Receipt::Accepted)
            };
            outbox.answered(ticket, &taken, now, 0.0);
            failures += u32::from(ticket == bad);
            assert!(ticket == bad || ticket == next, "none waits for it");
        }
        now += SECOND;
    }
    assert!((20..=30).contains(&failures), "{failures} attempts");
    assert_eq!(outbox.len(), 1);
}

#[test]
fn in_an_outage_the_results_take_turns_in_trying_the_way() {
    let (mut outbox, mut now) = (outbox(), Instant::now());
    let tickets: Vec<_> = (0..3).map(|_| outbox.add(0)).collect();
    for ticket in outbox.due(now) {
        outbox.answered(ticket, &outage(), now, 0.0);
    }
    for round in 0..9 {
        now = outbox.wake_at(now).expect("a next attempt");
        assert_eq!(outbox.due(now), [tickets[round % 3]]);
        outbox.answered(tickets[round % 3], &outage(), now, 0.0);
    }
}

#[test]
fn news_of_the_orchestrator_end_the_wait() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let ticket = outbox.add(0);
    outbox.due(now);
    outbox.answered(ticket, &outage(), now, 0.0);
    assert!(outbox.due(now).is_empty());
    outbox.recovered(0, now);
    assert_eq!(outbox.due(now), [ticket]);
}

#[test]
fn a_server_that_keeps_saying_500_is_believed_in_the_end() {
    let (mut outbox, mut now) = (outbox(), Instant::now());
    let ticket = outbox.add(0);
    let no = Err(TransportError::Faulted {
        reason: "No suitable workers".into(),
    });
    for _ in 0..2 {
        outbox.due(now);
        assert_eq!(outbox.answered(ticket, &no, now, 0.0), Verdict::Later);
        now = outbox.wake_at(now).expect("a next attempt");
    }
    assert_eq!(outbox.due(now), [ticket]);
    assert!(matches!(
        outbox.answered(ticket, &no, now, 0.0),
        Verdict::Lost(_)
    ));
}

#[test]
fn a_result_too_large_becomes_a_failure_that_says_so() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let ticket = outbox.add(0);
    outbox.due(now);
    let too_large = Err(TransportError::TooLarge { size: 2_000_000 });
    let Verdict::Replace(error) = outbox.answered(ticket, &too_large, now, 0.0) else {
        panic!("replaced");
    };
    assert!(error.message().contains("2000000 bytes"), "{error}");
    assert_eq!(outbox.due(now), [ticket], "the failure goes out at once");
}

#[test]
fn news_let_one_result_try_the_way_before_the_others() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let (first, second) = (outbox.add(0), outbox.add(0));
    assert_eq!(outbox.due(now), [first, second]);
    outbox.answered(first, &outage(), now, 0.0);
    outbox.answered(second, &outage(), now, 0.0);
    outbox.recovered(0, now);
    assert_eq!(outbox.due(now), [first]);
    outbox.answered(first, &Ok(Receipt::Accepted), now, 0.0);
    assert_eq!(outbox.due(now), [second]);
}

#[test]
fn only_so_many_results_are_under_way_at_once() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let all: Vec<_> = (0..40).map(|_| outbox.add(0)).collect();
    assert_eq!(outbox.due(now), all[..IN_FLIGHT]);
    assert!(outbox.due(now).is_empty());
    outbox.answered(all[3], &Ok(Receipt::Accepted), now, 0.0);
    assert_eq!(outbox.due(now), [all[IN_FLIGHT]]);
}

#[test]
fn a_rate_limit_keeps_the_order_and_wakes_nobody_before_its_end() {
    let (mut outbox, now) = (outbox(), Instant::now());
    let (faulted, limited) = (outbox.add(0), outbox.add(0));
    outbox.due(now);
    let no = Err(TransportError::Faulted {
        reason: "500".into(),
    });
    let silence = Err(TransportError::RateLimited {
        retry_after: Some(60 * SECOND),
    });
    outbox.answered(faulted, &no, now, 0.0);
    assert_eq!(outbox.wake_at(now), Some(now + SECOND));
    let newer = outbox.add(0);
    outbox.answered(limited, &silence, now, 0.0);
    let end = now + 60 * SECOND;
    assert_eq!(
        outbox.wake_at(now),
        Some(end),
        "also for what waits by itself"
    );
    assert!(outbox.due(end - SECOND).is_empty());
    assert_eq!(outbox.wake_at(end - SECOND), Some(end));
    assert_eq!(outbox.due(end), [limited, newer, faulted]);
}

proptest! {
    /// No result is forgotten: each ends in exactly one final verdict or is
    /// due again at a known time.
    #[test]
    fn every_result_ends_or_comes_up_again(
        answers in prop::collection::vec((0u8..6, 0.0f64..1.0), 1..60), lane in 0usize..2,
    ) {
        let (mut outbox, mut now) = (outbox(), Instant::now());
        let ticket = outbox.add(lane);
        for (answer, jitter) in answers {
            if outbox.len() == 0 {
                break;
            }
            let due = outbox.due(now);
            if due.is_empty() {
                now = outbox.wake_at(now).expect("an undelivered result has a next time");
                continue;
            }
            prop_assert_eq!(&due, &[ticket]);
            let answer = match answer {
                0 => Ok(Receipt::Accepted),
                1 => outage(),
                2 => Err(TransportError::RateLimited { retry_after: None }),
                3 => Err(TransportError::Faulted { reason: "500".into() }),
                4 => Err(TransportError::Refused { reason: "400".into() }),
                _ => Err(TransportError::Unauthorized { reason: "401".into() }),
            };
            outbox.answered(ticket, &answer, now, jitter);
        }
    }
}
