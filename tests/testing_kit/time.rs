//! Time, limits and cancels.

use axon_worker::testing::{self, Expect, Told};
use axon_worker::{Cancellation, ErrorCode, Outcome, TaskContext, TaskError, TaskSpec, blocking};
use serde_json::Value;

use super::{SECOND, nap};

#[actix_rt::test]
async fn an_hour_passes_in_no_time_and_exactly() {
    tokio::time::pause();
    let end = testing::call(nap).params(&3600).await;
    assert_eq!(end.data::<u64>(), 3600);
    assert!(
        (3600 * SECOND..3601 * SECOND).contains(&end.took),
        "{:?}",
        end.took
    );
}

/// Could look whether it is cancelled, and does not.
async fn stays(seconds: u64, _: Cancellation) -> Result<u64, TaskError> {
    nap(seconds).await
}

#[actix_rt::test]
async fn limits_end_a_handler_at_their_time_and_the_nearest_counts() {
    tokio::time::pause();
    let limited = || testing::call(stays).params(&3600).cancel_grace(2 * SECOND);
    let spec = TaskSpec::named("nap").time_limit(20 * SECOND);
    let ends = [
        (12, limited().deadline_in(10 * SECOND).await),
        (17, limited().time_limit(15 * SECOND).await),
        (22, limited().named(spec.clone()).await),
        (17, limited().named(spec).time_limit(15 * SECOND).await),
    ];
    for (after, end) in ends {
        // The limit, and then the grace time that it did not use.
        assert_eq!(end.failure().code(), &ErrorCode::Timeout);
        let took = end.took.as_secs_f64();
        assert!(
            (f64::from(after) - 0.5..f64::from(after) + 0.5).contains(&took),
            "{took}"
        );
    }
}

#[actix_rt::test]
async fn a_cancel_is_seen_at_once_and_the_grace_time_is_for_those_who_asked() {
    async fn polite(_: Value, task: TaskContext) -> Result<(), TaskError> {
        task.cancellation().cancelled().await;
        task.progress(1.0, "tidied up").await;
        Ok(())
    }
    tokio::time::pause();
    let end = testing::call(polite).cancel_after(3 * SECOND).await;
    assert_eq!(
        (end.status(), end.progress()),
        ("cancelled", vec![(1.0, "tidied up")])
    );
    assert!(
        (3 * SECOND..4 * SECOND).contains(&end.took),
        "{:?}",
        end.took
    );

    for (call, after) in [
        (testing::call(stays), 8 * SECOND),
        (testing::call(nap), 3 * SECOND),
    ] {
        let end = call.params(&3600).cancel_after(3 * SECOND).await;
        assert_eq!(end.outcome, Outcome::Cancelled);
        assert!(
            (after..after + SECOND).contains(&end.took),
            "{:?}",
            end.took
        );
    }
}

#[actix_rt::test]
async fn a_blocking_handler_can_be_cancelled_when_it_has_said_something() {
    fn count(_: Value, task: TaskContext) -> Result<(), TaskError> {
        for step in 0..u32::MAX {
            if task.is_cancelled() {
                return Ok(());
            }
            task.progress_now(0.0, step.to_string());
        }
        Err(TaskError::permanent("never called off"))
    }
    let is_third = |told: &Told| matches!(told, Told::Progress { message, .. } if message == "2");
    let end = testing::call(blocking(count)).cancel_when(is_third).await;
    assert_eq!(end.status(), "cancelled");
    assert!(end.progress().len() >= 3);
}
