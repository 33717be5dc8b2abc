//! What RXON 1.0b17 adds: devices, and values of the operator's own.

use serde_json::json;

use super::*;

#[test]
fn extra_values_come_from_all_variables_of_the_prefix() {
    let settings = good(&[
        ("WORKER_EXTRA_Region", " eu "),
        ("WORKER_EXTRA_TAGS", r#"["a", 1]"#),
        ("WORKER_EXTRA_LIMITS", r#"{"n": 1.0}"#),
        ("WORKER_EXTRA_COUNT", "5"),
        ("WORKER_EXTRA_EMPTY", " "),
    ]);
    let expected = json!({
        "region": "eu", "tags": ["a", 1], "limits": {"n": 1.0}, "count": "5",
    });
    assert_eq!(json!(settings.extra), expected);
}

#[test]
fn what_is_odd_about_extra_values_is_told() {
    let loaded = load(&[
        ("WORKER_TOKEN", "token-t"),
        ("WORKER_EXTRA_", "nameless"),
        ("WORKER_EXTRA_A", "[1"),
        ("WORKER_EXTRA_a", "twice"),
    ])
    .unwrap();
    assert_eq!(json!(loaded.settings.extra), json!({"a": "[1"}));
    let warnings = loaded.warnings.join("\n");
    for told in [
        "WORKER_EXTRA_ is",
        "WORKER_EXTRA_a is",
        "WORKER_EXTRA_A is passed on as text",
    ] {
        assert!(warnings.contains(told), "{told}: {warnings}");
    }
}

#[test]
fn devices_name_what_is_wrong_with_them() {
    let text = r#"[{"type":"npu","model":"N1","id":"0","properties":{"tops":4}},
        {"model":"x"}, {"type":1}, {"type":"a","properties":[]}, "gpu"]"#;
    assert_eq!(
        load(&[("WORKER_DEVICES", text)]).unwrap_err().to_string(),
        "WORKER_DEVICES[1].type: missing\n\
         WORKER_DEVICES[2].type: expected text, got 1\n\
         WORKER_DEVICES[3].properties: expected an object, got a list\n\
         WORKER_DEVICES[4]: expected an object, got text"
    );
    let list = r#"[{"type":"npu","model":"N1","id":"7","properties":{"tops":4}}]"#;
    let resources = good(&[
        ("WORKER_DEVICES", list),
        ("GPU_MODEL", "G"),
        ("GPU_VRAM_GB", "24"),
    ])
    .resources;
    let expected = json!([
        {"type": "gpu", "model": "G", "id": "0", "properties": {"memory_gb": 24}},
        {"type": "npu", "model": "N1", "id": "7", "properties": {"tops": 4}},
    ]);
    assert_eq!(json!(resources.all_devices()), expected);
}

#[test]
fn a_file_and_variables_give_extra_values_together() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let toml = "[extra]\nregion = \"eu\"\nrack = 3\ntags = [\"a\"]";
    std::fs::write(file.path(), toml).unwrap();
    let settings = good(&[
        ("AXON_WORKER_CONFIG", file.path().to_str().unwrap()),
        ("WORKER_EXTRA_REGION", "us"),
    ]);
    let expected = json!({"region": "us", "rack": 3, "tags": ["a"]});
    assert_eq!(json!(settings.extra), expected);
}
