//! Registrations, and the hash of the catalogue.

use super::*;
use crate::transport::rxon::union;
use crate::transport::rxon::wire_1_0b2;

#[test]
fn registrations_are_those_of_the_reference_worker() {
    for exchange in exchanges("POST", "/register") {
        let sent = &exchange["request"]["json"];
        let mut card = card();
        card.tasks = sent["supported_skills"]
            .as_array()
            .unwrap()
            .iter()
            .map(entry)
            .collect();
        card.takes_commands = sent["capabilities"]["extra"]["websockets"] == true;
        let report = Report {
            available: names(&sent["available_skills"]).into(),
            ..report()
        };
        let catalogue = Catalogue::of(&card).unwrap();
        assert_eq!(sent["skills_hash"], catalogue.hash);
        let ours = write_registration(&card, &catalogue, &report, &stamp(sent));
        let mut sent = sent.clone();
        // What is not known is not told, and an empty list is told.
        assert_eq!(sent["resources"]["properties"]["ram_gb"], 0);
        sent["resources"]["properties"]
            .as_object_mut()
            .unwrap()
            .remove("ram_gb");
        if card.takes_commands {
            sent["capabilities"]["websockets"] = json!(true);
        }
        assert_eq!(json_of(&ours)["hot_skills"], json!([]));
        check(&ours, &sent, &["nonce", "hot_skills"]);
    }
}

#[test]
fn catalogues_have_the_hash_of_the_reference_worker() {
    let vectors = include_str!("../../../../../../tests/vectors/skills_hash.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let skills = case["skills"].as_array().unwrap();
        // Those that a catalogue of ours cannot be: without a type, or as of old.
        if skills.iter().any(|skill| skill["type"].is_null()) {
            continue;
        }
        let mut card = card();
        card.tasks = skills.iter().map(entry).collect();
        card.cost_per_skill = serde_json::from_value(case["cost_per_skill"].clone()).unwrap();
        card.extra = serde_json::from_value(case["extra_capabilities"].clone()).unwrap();
        let hash = Catalogue::of(&card).unwrap().hash;
        assert_eq!(case["skills_hash"], hash, "{}", case["name"]);
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn a_full_card_is_told_in_full() {
    let card = full_card();
    let catalogue = Catalogue::of(&card).unwrap();
    let stamp = Stamp {
        timestamp: 5,
        nonce: "x".to_owned(),
    };
    let ours = json_of(&write_registration(&card, &catalogue, &report(), &stamp));
    let expected = json!({
        "devices": [
            {"type": "gpu", "model": "RTX 4090", "id": "0", "properties": {"memory_gb": 24}},
            {"type": "npu", "id": "n1"},
        ],
        "properties": {"cpu_cores": 4, "ram_gb": 8.0, "rack": "b"},
    });
    assert_eq!(ours["resources"], expected);
    let expected = json!([
        {"name": "m", "version": "1", "type": "model", "properties": {"size": 2}},
    ]);
    assert_eq!(ours["installed_artifacts"], expected);
    let expected = json!({
        "hostname": "vm",
        "ip_address": "127.0.0.1",
        "cost_per_skill": {"echo": 0.5},
        "s3_config_hash": "abc",
        "extra": {"websockets": true, "region": "eu"},
        "websockets": true,
    });
    assert_eq!(ours["capabilities"], expected);
    assert_eq!(
        (&ours["timestamp"], &ours["nonce"]),
        (&json!(5), &json!("x"))
    );
}

/// Each part of the form that was accepted by the orchestrators of both dialects is there.
#[test]
fn the_union_has_all_fields_of_the_one_that_both_understood() {
    let capture = capture!("union-client");
    let sent = capture["items"][0]["request"]["body"].as_str().unwrap();
    let sent: Value = serde_json::from_str(sent).unwrap();
    let card = full_card();
    let catalogue = Catalogue::of(&card).unwrap();
    let newer = write_registration(&card, &catalogue, &report(), &stamp(&sent));
    let older = wire_1_0b2::write_registration(&card, &report());
    let ours = json_of(&union::of(&older, newer));
    for (name, value) in sent.as_object().unwrap() {
        // Signed later; free data that nobody needs.
        if name == "security" || name == "metadata" {
            continue;
        }
        let Some(value) = value.as_object() else {
            assert!(ours.get(name).is_some(), "{name}");
            continue;
        };
        for part in value.keys() {
            let is_there = name == "installed_software" || ours[name].get(part).is_some();
            assert!(is_there, "{name}.{part}");
        }
    }
    assert_eq!(ours["supported_tasks"], json!(["echo"]));
    assert_eq!(ours["capabilities"]["extra"]["websockets"], true);
}
