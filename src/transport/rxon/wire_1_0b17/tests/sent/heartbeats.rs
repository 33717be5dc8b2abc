//! Heartbeats: all of the state, and of the rest only what has to be told.

use super::*;
use crate::transport::{DeviceUsage, RunningTask, Usage};

#[test]
fn heartbeats_are_those_of_the_reference_worker() {
    let mut seen = 0;
    for exchange in exchanges("PATCH", "/probe-worker-1") {
        let sent = &exchange["request"]["json"];
        let availability = match sent["status"].as_str().unwrap() {
            "idle" => Availability::Idle,
            "full" => Availability::Full,
            "busy" => Availability::Busy,
            "offline" => Availability::Offline,
            other => panic!("{other}"),
        };
        let running = strings(&sent["current_tasks"]).into_iter().map(|id| {
            let task_id = id.as_str().into();
            RunningTask {
                task_id,
                job_id: format!("job of {id}").into(),
            }
        });
        let report = Report {
            availability,
            available: names(&sent["available_skills"]).into(),
            running: running.collect(),
            hot_cache: strings(&sent["hot_skills"]).into(),
            ..report()
        };
        let usage = (!sent["usage"].is_null()).then(Usage::default);
        let catalogue = Catalogue::of(&card()).unwrap();
        let parts = BeatParts {
            catalogue: Some(&catalogue),
            usage: usage.as_ref(),
            ..BeatParts::default()
        };
        let ours = write_heartbeat(&worker_id(), None, &report, parts, &stamp(sent));
        let mut sent = sent.clone();
        // We name jobs as well, and empty lists.
        let tasks = sent["current_tasks"].as_array_mut().unwrap();
        let jobs: Vec<_> = tasks
            .iter()
            .map(|id| json!(format!("job of {}", id.as_str().unwrap())))
            .collect();
        tasks.extend(jobs);
        for list in ["available_skills", "hot_skills"] {
            if sent.get(list).is_none() {
                sent[list] = json!([]);
            }
        }
        check(&ours, &sent, &["nonce", "skills_hash", "supported_skills"]);
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn a_heartbeat_tells_only_what_has_to_be_told() {
    let (card, stamp) = (full_card(), stamp(&json!({"timestamp": 1})));
    let catalogue = Catalogue::of(&card).unwrap();
    let write = |parts: BeatParts<'_>| {
        json_of(&write_heartbeat(
            &worker_id(),
            Some(&card),
            &report(),
            parts,
            &stamp,
        ))
    };
    let bare = write(BeatParts::default());
    for absent in ["supported_skills", "skills_hash", "capabilities", "usage"] {
        assert_eq!(bare.get(absent), None, "{absent}");
    }
    let known = write(BeatParts {
        catalogue: Some(&catalogue),
        ..BeatParts::default()
    });
    assert_eq!(known["skills_hash"], catalogue.hash);
    assert_eq!(known.get("supported_skills"), None);
    let usage = Usage {
        cpu_load_percent: 12.5,
        ram_used_gb: 3.0,
        devices: vec![DeviceUsage {
            unit_id: "0".to_owned(),
            load_percent: 80.0,
            metrics: BTreeMap::from([("memory_used_gb".to_owned(), 1.5)]),
        }],
    };
    let asked = write(BeatParts {
        catalogue: Some(&catalogue),
        whole_catalogue: true,
        capabilities: true,
        usage: Some(&usage),
    });
    assert_eq!(asked["supported_skills"][0]["name"], "echo");
    assert_eq!(asked.get("skills_hash"), None);
    assert_eq!(asked["capabilities"]["websockets"], true);
    let expected = json!({
        "cpu_load_percent": 12.5,
        "ram_used_gb": 3.0,
        "devices_usage": [
            {"unit_id": "0", "load_percent": 80.0, "metrics": {"memory_used_gb": 1.5}},
        ],
    });
    assert_eq!(asked["usage"], expected);
}

#[test]
fn every_state_has_its_word_and_jobs_are_named_once() {
    let stamp = stamp(&json!({"timestamp": 1}));
    let task = |task: &str, job: &str| RunningTask {
        task_id: task.into(),
        job_id: job.into(),
    };
    for (availability, word) in [
        (Availability::Idle, "idle"),
        (Availability::Busy, "busy"),
        (Availability::Full, "full"),
        (Availability::Draining, "draining"),
        (Availability::Offline, "offline"),
    ] {
        let report = Report {
            availability,
            running: Arc::new([task("t1", "j"), task("t2", "j"), task("t3", "k")]),
            ..report()
        };
        let ours = write_heartbeat(&worker_id(), None, &report, BeatParts::default(), &stamp);
        let ours = json_of(&ours);
        assert_eq!(ours["status"], word);
        assert_eq!(ours["current_tasks"], json!(["t1", "t2", "t3", "j", "k"]));
    }
}
