//! Jobs from start to end, one event at a time.

use super::*;
use serde_json::json;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn start(spec: &JobSpec) -> (Job, Vec<Order>) {
    let rules = Rules {
        max_retries: 3,
        dialect: Dialect::V1_0b2,
    };
    let (job, effects) = Job::start("job".into(), spec, rules, NOW);
    (job, effects.orders)
}

fn general(description: Value) -> JobSpec {
    JobSpec::from_json(description).unwrap()
}

fn status(status: &str, data: Value) -> Answer {
    Answer {
        status: status.to_owned(),
        data: Some(data),
        error: None,
    }
}

fn failure(code: &str) -> Answer {
    Answer {
        status: "failure".to_owned(),
        data: Some(json!({"ignored": true})),
        error: Some(json!({"code": code, "message": "m"})),
    }
}

#[test]
fn a_chain_passes_data_on_and_finishes() {
    let spec = JobSpec::chain([
        ("resize", json!({})),
        ("filter", json!({"image": "$data.image"})),
    ]);
    let (mut job, orders) = start(&spec);
    assert_eq!(job.state(), JobState::Waiting);
    job.handed_out(&orders[0].task_id, "w", NOW);
    assert_eq!(job.state(), JobState::Running);
    let next = job.answer(
        &orders[0].task_id,
        status("success", json!({"image": "b.png"})),
        NOW,
    );
    assert_eq!(next.orders[0].params.get(), r#"{"image":"b.png"}"#);
    assert_eq!(job.state(), JobState::Waiting);
    job.answer(
        &next.orders[0].task_id,
        status("success", json!({"n": 1})),
        NOW,
    );
    let report = job.report();
    assert_eq!(report.state, JobState::Finished);
    assert_eq!(report.data, json!({"image": "b.png", "n": 1}));
    assert_eq!(report.history[0].worker.as_deref(), Some("w"));
}

#[test]
fn each_code_has_the_end_that_was_measured() {
    for (code, end, attempts) in [
        ("PERMANENT_ERROR", JobState::Quarantined, 1),
        ("SECURITY_ERROR", JobState::Quarantined, 1),
        ("DEPENDENCY_ERROR", JobState::Quarantined, 1),
        ("INVALID_INPUT_ERROR", JobState::Failed, 1),
        ("INTEGRITY_MISMATCH_ERROR", JobState::Failed, 1),
        ("TRANSIENT_ERROR", JobState::Quarantined, 4),
        ("CONTRACT_VIOLATION_ERROR", JobState::Quarantined, 4),
        ("SOMETHING_ELSE", JobState::Quarantined, 4),
    ] {
        let (mut job, mut orders) = start(&JobSpec::task("t", json!({})));
        while let Some(order) = orders.pop() {
            orders = job.answer(&order.task_id, failure(code), NOW).orders;
        }
        let report = job.report();
        assert_eq!((report.state, report.attempts()), (end, attempts), "{code}");
        assert_eq!(report.data, json!({}), "{code}");
    }
}

#[test]
fn a_retry_has_a_new_id_and_the_old_answer_no_longer_counts() {
    let (mut job, orders) = start(&JobSpec::task("t", json!({"a": 1})));
    let old = &orders[0].task_id;
    let retry = job
        .answer(old, failure("TRANSIENT_ERROR"), NOW)
        .orders
        .remove(0);
    assert_ne!(&retry.task_id, old);
    assert_eq!((retry.attempt, retry.params.get()), (2, r#"{"a":1}"#));
    assert!(!job.awaits(old));
    job.answer(old, status("success", json!({})), NOW);
    assert_eq!(job.state(), JobState::Waiting);
    job.answer(&retry.task_id, status("success", json!({})), NOW);
    assert_eq!(job.state(), JobState::Finished);
}

#[test]
fn a_status_without_a_transition_fails_the_job_and_drops_its_data() {
    let (mut job, orders) = start(&JobSpec::task("t", json!({})));
    job.answer(&orders[0].task_id, status("weird", json!({"x": 1})), NOW);
    let report = job.report();
    assert_eq!((report.state, report.data), (JobState::Failed, json!({})));
    assert!(report.error.unwrap().contains("\"weird\""));
}

#[test]
fn an_end_that_is_not_called_finished_is_a_failure_with_its_data() {
    let spec = general(json!({"start": "a", "steps": {
        "a": {"task": "t", "transitions": {"needs_review": "review"}}}}));
    let (mut job, orders) = start(&spec);
    job.answer(
        &orders[0].task_id,
        status("needs_review", json!({"why": "dark"})),
        NOW,
    );
    let report = job.report();
    assert_eq!(
        (report.state, report.step.as_str()),
        (JobState::Failed, "review")
    );
    assert_eq!((report.data, report.error), (json!({"why": "dark"}), None));
}

#[test]
fn parallel_answers_are_collected_under_their_names() {
    let spec = JobSpec::fan_out([("a", "t", json!({})), ("b", "u", json!({}))]);
    let (mut job, orders) = start(&spec);
    for order in &orders {
        job.handed_out(&order.task_id, "w", NOW);
    }
    assert!(
        job.answer(&orders[1].task_id, status("success", json!({"n": 2})), NOW)
            .orders
            .is_empty()
    );
    assert_eq!(job.state(), JobState::Running);
    job.answer(&orders[0].task_id, status("success", json!({"n": 1})), NOW);
    let report = job.report();
    assert_eq!(report.state, JobState::Finished);
    assert_eq!(report.data, json!({"a": {"n": 1}, "b": {"n": 2}}));
}

#[test]
fn a_parallel_task_that_fails_for_good_withdraws_the_others() {
    let spec = JobSpec::fan_out([("a", "t", json!({})), ("b", "t", json!({}))]);
    let (mut job, orders) = start(&spec);
    let effects = job.answer(&orders[0].task_id, failure("PERMANENT_ERROR"), NOW);
    assert_eq!(job.state(), JobState::Quarantined);
    assert!(effects.withdrawn.contains(&orders[1].task_id));
    assert!(!job.awaits(&orders[1].task_id));
}

#[test]
fn cancelled_takes_its_transition_or_ends_the_job() {
    let (mut job, orders) = start(&JobSpec::task("t", json!({})));
    job.answer(
        &orders[0].task_id,
        status("cancelled", json!({"x": 1})),
        NOW,
    );
    assert_eq!(
        (job.state(), job.report().data),
        (JobState::Cancelled, json!({}))
    );

    let spec = general(json!({"start": "a", "steps": {
        "a": {"task": "t", "transitions": {"success": "finished", "cancelled": "tidy"}},
        "tidy": {"task": "tidy"}}}));
    let (mut job, orders) = start(&spec);
    let effects = job.answer(&orders[0].task_id, status("cancelled", Value::Null), NOW);
    assert_eq!(effects.orders[0].name.as_str(), "tidy");
}

#[test]
fn a_missing_value_fails_the_job_instead_of_sending_null() {
    let spec = JobSpec::chain([("a", json!({})), ("b", json!({"x": "$data.gone"}))]);
    let (mut job, orders) = start(&spec);
    let effects = job.answer(&orders[0].task_id, status("success", json!([1])), NOW);
    assert!(effects.orders.is_empty());
    assert_eq!(job.state(), JobState::Failed);
    assert!(job.report().error.unwrap().contains("$data.gone"));
}
