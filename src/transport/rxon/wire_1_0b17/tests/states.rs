//! Every measured state of a worker, as the reference worker reports it.

use serde_json::json;

use super::*;
use crate::transport::RunningTask;

#[test]
fn states_are_told_as_the_reference_worker_tells_them() {
    let vectors = include_str!("../../../../../tests/vectors/capacity_states.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let mut polls = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let (state, expected) = (&case["state"], &case["1.0b17"]);
        let mut sent = expected["heartbeat"].clone();
        let mut card = card();
        card.skill_dependencies =
            serde_json::from_value(state["skill_dependencies"].clone()).unwrap();
        let availability = match sent["status"].as_str().unwrap() {
            "idle" => Availability::Idle,
            "busy" => Availability::Busy,
            _ => Availability::Full,
        };
        let running = strings(&sent["current_tasks"])
            .into_iter()
            .map(|id| RunningTask {
                task_id: id.into(),
                job_id: "j".into(),
            });
        let report = Report {
            availability,
            available: names(&sent["available_skills"]).into(),
            running: running.collect(),
            hot_cache: strings(&state["hot"]).into(),
            ..report()
        };
        let worker_id = WorkerId::try_new("w1").unwrap();
        let stamp = Stamp {
            timestamp: 1,
            nonce: "n".to_owned(),
        };
        let parts = BeatParts::default();
        let ours = write_heartbeat(&worker_id, Some(&card), &report, parts, &stamp);
        for list in ["available_skills", "hot_skills"] {
            if sent.get(list).is_none() {
                sent[list] = json!([]);
            }
        }
        if sent["current_tasks"] != json!([]) {
            sent["current_tasks"]
                .as_array_mut()
                .unwrap()
                .push(json!("j"));
        }
        check(&ours, &sent, &["nonce", "timestamp"]);
        if let Some(hot) = expected["poll_query"]["hot_skills"].as_str() {
            let ours = hot_skills(Some(&card), &report, &report.available);
            assert_eq!(ours.join(","), hot);
            polls += 1;
        }
    }
    assert!(polls > 10, "{polls}");
}
