//! What the reference worker of protocol 1.0b2 makes of the same variables. Where
//! we differ on purpose, the reason stands here.

use serde_json::{Map, Value as Json, json};

use super::*;
use crate::config::OrchestratorMode;

/// What we do instead of what the reference does.
enum Instead {
    Refuse,
    /// These attributes differ from the defaults.
    Change(Json),
}
use Instead::{Change, Refuse};

fn vectors(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn env(case: &Json) -> Vec<(String, String)> {
    let vars = case["env"].as_object().unwrap();
    vars.iter()
        .map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()))
        .collect()
}

fn outcome(case: &Json) -> &Json {
    case.get("both").unwrap_or_else(|| &case["1.0b2"])
}

/// Settings as the reference worker names and writes them.
fn attributes(s: &Settings) -> Map<String, Json> {
    let mode = match s.mode {
        OrchestratorMode::Failover => "FAILOVER",
        OrchestratorMode::RoundRobin => "ROUND_ROBIN",
        OrchestratorMode::Waterfall => "WATERFALL",
    };
    let id = if s.worker_id_is_fixed {
        s.worker_id.as_str()
    } else {
        "worker-<random uuid4>"
    };
    let gpu = s.resources.gpu.as_ref();
    let gpu = gpu.map(|gpu| json!({"model": gpu.model, "vram_gb": gpu.vram_gb}));
    let storage = &s.storage;
    let timing = &s.timing;
    let all = json!({
        "WORKER_ID": id,
        "WORKER_TYPE": s.worker_type,
        "WORKER_PORT": s.worker_port,
        "WORKER_TOKEN": s.orchestrators[0].token.expose(),
        "TLS_CA_PATH": s.tls_ca_path,
        "TLS_CERT_PATH": s.tls_cert_path,
        "TLS_KEY_PATH": s.tls_key_path,
        "COST_PER_SKILL": s.cost_per_skill,
        "MAX_CONCURRENT_TASKS": s.intake.max_concurrent_tasks,
        "RESOURCES": {"cpu_cores": s.resources.cpu_cores, "gpu_info": gpu},
        "INSTALLED_SOFTWARE": s.installed_software,
        "INSTALLED_MODELS": s.installed_models,
        "TASK_FILES_DIR": storage.task_files_dir,
        "S3_ENDPOINT_URL": storage.endpoint_url,
        "S3_ACCESS_KEY": storage.access_key.as_ref().map(crate::config::Token::expose),
        "S3_SECRET_KEY": storage.secret_key.as_ref().map(crate::config::Token::expose),
        "S3_DEFAULT_BUCKET": storage.default_bucket,
        "S3_REGION": storage.region,
        "HEARTBEAT_INTERVAL": timing.heartbeat_interval.as_secs_f64(),
        "RESULT_MAX_RETRIES": s.results.max_retries,
        "RESULT_RETRY_INITIAL_DELAY": s.results.retry_initial_delay.as_secs_f64(),
        "HEARTBEAT_DEBOUNCE_DELAY": timing.heartbeat_debounce.as_secs_f64(),
        "TASK_POLL_TIMEOUT": timing.poll_timeout.as_secs_f64(),
        "TASK_POLL_ERROR_DELAY": timing.poll_error_delay.as_secs_f64(),
        "IDLE_POLL_DELAY": timing.idle_poll_delay.as_secs_f64(),
        "ENABLE_WEBSOCKETS": s.enable_websockets,
        "MULTI_ORCHESTRATOR_MODE": mode,
    });
    all.as_object().unwrap().clone()
}

#[test]
fn variables_mean_what_they_mean_to_the_reference_worker() {
    let ours = [
        (
            json!({"WORKER_INDIVIDUAL_TOKEN": ""}),
            Change(json!({})),
            "an empty token is none",
        ),
        (
            json!({"MAX_CONCURRENT_TASKS": "0"}),
            Refuse,
            "such a worker would never work",
        ),
        (
            json!({"MAX_CONCURRENT_TASKS": "-1"}),
            Refuse,
            "such a worker would never work",
        ),
        (
            json!({"MAX_CONCURRENT_TASKS": ""}),
            Change(json!({})),
            "blank is not set",
        ),
        (
            json!({"COST_PER_SKILL": "[1]"}),
            Refuse,
            "a list has no names; 1.0b17 ignores it, which hides the mistake",
        ),
        (
            json!({"WORKER_DEVICES": "{\"type\":\"x\"}"}),
            Refuse,
            "no list; the reference ignores it, which hides the mistake",
        ),
        (
            json!({"WORKER_ENABLE_WEBSOCKETS": "1"}),
            Refuse,
            "the reference reads it as false",
        ),
        (
            json!({"WORKER_ENABLE_WEBSOCKETS": "yes"}),
            Refuse,
            "the reference reads it as false",
        ),
        (
            json!({"INSTALLED_ARTIFACTS": "[{\"name\":\"m\"}]"}),
            Change(json!({"INSTALLED_MODELS": [{"name": "m", "version": "unknown"}]})),
            "both names feed both dialects",
        ),
        (
            json!({"MULTI_ORCHESTRATOR_MODE": "round_robin"}),
            Change(json!({"MULTI_ORCHESTRATOR_MODE": "ROUND_ROBIN"})),
            "any letter case; the reference takes it for an unknown mode",
        ),
        (
            json!({"MULTI_ORCHESTRATOR_MODE": ""}),
            Change(json!({})),
            "blank is not set",
        ),
        (
            json!({"WORKER_PAYLOAD_DIR": "/data/payloads"}),
            Change(json!({"TASK_FILES_DIR": "/data/payloads"})),
            "the name that the oldest document gives",
        ),
        (
            json!({"S3_DEFAULT_BUCKET": ""}),
            Change(json!({})),
            "blank is not set",
        ),
    ];
    let vectors = vectors(include_str!("../../../tests/vectors/env_config.json"));
    let mut defaults = vectors["defaults"]["1.0b2"].as_object().unwrap().clone();
    // The reference claims a Python that is not there.
    defaults.insert("INSTALLED_SOFTWARE".to_owned(), json!({}));
    let mut used = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let theirs = outcome(case);
        let instead = ours.iter().find(|(env, ..)| *env == case["env"]);
        used += usize::from(instead.is_some());
        let changed = match instead {
            Some((_, Change(changed), _)) => Some(changed),
            None if theirs["validate"] == "ok" => Some(&theirs["changed"]),
            Some((_, Refuse, _)) | None => None,
        };
        match (changed, Settings::from_vars(env(case))) {
            (None, loaded) => assert!(loaded.is_err(), "{case}"),
            (Some(changed), loaded) => {
                let loaded = loaded.unwrap_or_else(|e| panic!("{case}: {e}"));
                let mut expected = defaults.clone();
                expected.extend(changed.as_object().unwrap().clone());
                assert_eq!(attributes(&loaded.settings), expected, "{case}");
            }
        }
    }
    assert_eq!(used, ours.len(), "a deviation without its case");
}

/// The settings that only RXON 1.0b17 knows, as its worker names and writes them.
fn newer_attributes(s: &Settings) -> Map<String, Json> {
    let devices = s.resources.all_devices();
    let key = s.rxon.task_secret.as_ref();
    let all = json!({
        "RESOURCES": {
            "cpu_cores": s.resources.cpu_cores,
            "ram_gb": s.resources.ram_gb,
            "devices": (!devices.is_empty()).then_some(devices),
        },
        "EXTRA_CAPABILITIES": s.extra,
        "SECRET_KEY": key.map_or("", crate::config::Token::expose),
        "REQUIRE_TASK_SIGNATURE": s.rxon.require_task_signature,
        "STRICT_EVENT_VALIDATION": s.strict_event_validation,
        "HEARTBEAT_COOLDOWN": s.timing.heartbeat_cooldown.as_secs_f64(),
        "WORKER_TELEMETRY_DEADBAND": s.rxon.telemetry_deadband,
        "WORKER_TELEMETRY_FORCE_INTERVAL": s.rxon.telemetry_force_interval.as_secs_f64(),
        "INSTALLED_ARTIFACTS": s.installed_models,
    });
    all.as_object().unwrap().clone()
}

#[test]
fn newer_variables_mean_what_they_mean_to_the_newer_worker() {
    let vectors = vectors(include_str!("../../../tests/vectors/env_config.json"));
    let defaults = vectors["defaults"]["1.0b17"].as_object().unwrap();
    let mut checked = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let theirs = case.get("both").unwrap_or_else(|| &case["1.0b17"]);
        // Either variable feeds both dialects, and what is left out is filled in.
        let models = |name: &&str| case["env"].get(*name).is_some();
        let models = ["INSTALLED_MODELS", "INSTALLED_ARTIFACTS"]
            .iter()
            .any(models);
        let Ok(loaded) = Settings::from_vars(env(case)) else {
            continue;
        };
        for (name, found) in newer_attributes(&loaded.settings) {
            let expected = theirs["changed"].get(&name).unwrap_or(&defaults[&name]);
            // Others have a variable of that name as well, and mean something else by it.
            let key = name == "SECRET_KEY" && case["env"].get("SECRET_KEY").is_some();
            if !key && (!models || name != "INSTALLED_ARTIFACTS") {
                assert_eq!(found, *expected, "{name}: {case}");
                checked += usize::from(*expected != defaults[&name]);
            }
        }
    }
    assert!(checked >= 10, "only {checked} values that are no defaults");
}

#[test]
fn orchestrators_are_those_of_the_reference_worker() {
    let list = |text: &str| json!({"ORCHESTRATORS_CONFIG": text});
    let refused = [
        (
            list(r#"[{"url":"http://a","priority":1.5},{"url":"http://b","priority":1}]"#),
            "priorities are whole numbers, as documented",
        ),
        (
            list(r#"[{"url":"http://a","priority":null}]"#),
            "the reference crashes with a second one",
        ),
        (
            list(r#"[{"url":"http://a","weight":0},{"url":"http://b","weight":-1}]"#),
            "would never be polled, or never fairly",
        ),
    ];
    // Not JSON, although Python reads it; 1.0b17 falls back as well.
    let newer = list(r#"[{"url":"http://a","weight":NaN}]"#);
    let vectors = vectors(include_str!(
        "../../../tests/vectors/orchestrators_config.json"
    ));
    let mut used = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let theirs = if case["env"] == newer {
            &case["1.0b17"]
        } else {
            outcome(case)
        };
        let deviates = refused.iter().any(|(env, _)| *env == case["env"]);
        used += usize::from(deviates);
        let loaded = Settings::from_vars(env(case));
        if deviates || case.get("recommended").is_some() {
            let name = if case["env"].get("ORCHESTRATORS_CONFIG").is_some() {
                "ORCHESTRATORS_CONFIG"
            } else {
                "ORCHESTRATOR_URL"
            };
            for problem in loaded.expect_err(&case.to_string()).problems() {
                assert!(problem.place().starts_with(name), "{problem}");
            }
            continue;
        }
        assert_eq!(theirs["validate"], "ok", "{case}");
        let expected = theirs["orchestrators"].as_array().unwrap().iter();
        let expected: Vec<_> = expected
            .zip(theirs["clients"].as_array().unwrap())
            .map(|(entry, client)| {
                json!([
                    client["base_url"],
                    entry["priority"],
                    entry["weight"],
                    client["token"]
                ])
            })
            .collect();
        let settings = loaded.unwrap_or_else(|e| panic!("{case}: {e}")).settings;
        let found: Vec<_> = settings
            .orchestrators
            .iter()
            .map(|o| json!([o.url, o.priority, o.weight, o.token.expose()]))
            .collect();
        assert_eq!(found, expected, "{case}");
    }
    assert_eq!(used, refused.len(), "a deviation without its case");
}
