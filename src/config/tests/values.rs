//! Single values, and those that depend on each other.

use std::time::Duration;

use super::*;
use crate::config::{OrchestratorMode, VARIABLES};

#[test]
fn nothing_set_gives_the_defaults_and_a_warning_about_the_token() {
    let loaded = load(&[]).unwrap();
    let expected = Settings {
        worker_id: loaded.settings.worker_id.clone(),
        ..Settings::default()
    };
    assert_eq!(loaded.settings, expected);
    assert!(!loaded.settings.worker_id_is_fixed);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(
        loaded.warnings[0].contains("WORKER_TOKEN"),
        "{:?}",
        loaded.warnings
    );
}

#[test]
fn all_problems_are_told_together_one_per_line() {
    let error = load(&[
        ("WORKER_PORT", "70000"),
        ("MAX_CONCURRENT_TASKS", "ten"),
        ("HEARTBEAT_INTERVAL", "0"),
        ("MULTI_ORCHESTRATOR_MODE", "random"),
        ("WORKER_ENABLE_WEBSOCKETS", "yes"),
        (
            "ORCHESTRATORS_CONFIG",
            r#"[{"url":"http://a"},{"weight":0}]"#,
        ),
    ])
    .unwrap_err();
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "WORKER_PORT: expected a whole number from 0 to 65535, got \"70000\"",
            "ORCHESTRATORS_CONFIG[1].url: missing",
            "ORCHESTRATORS_CONFIG[1].weight: expected a whole number from 1 to 1000000, got 0",
            "MULTI_ORCHESTRATOR_MODE: expected one of FAILOVER, ROUND_ROBIN, WATERFALL, got \"random\"",
            "WORKER_ENABLE_WEBSOCKETS: expected true or false, got \"yes\"",
            "MAX_CONCURRENT_TASKS: expected a whole number from 1 to 1000000, got \"ten\"",
            "HEARTBEAT_INTERVAL: expected a number of seconds above 0, up to 1e9, got \"0\"",
        ]
    );
    assert_eq!(error.problems().len(), lines.len());
}

#[test]
fn blank_means_not_set() {
    for variable in VARIABLES {
        let loaded = load(&[(variable.name, " ")]);
        match variable.name {
            "WORKER_ID" | "ORCHESTRATOR_URL" => {
                assert!(loaded.unwrap_err().to_string().starts_with(variable.name));
            }
            name => assert!(loaded.is_ok(), "{name}: {loaded:?}"),
        }
    }
}

#[test]
fn seconds_are_finite_and_in_bounds() {
    for text in ["-1", "-0.001", "inf", "nan", "1e10", "1s", "1,5", "1e400"] {
        for name in [
            "IDLE_POLL_DELAY",
            "WORKER_SHUTDOWN_TIMEOUT",
            "TASK_POLL_TIMEOUT",
        ] {
            assert!(told(&[(name, text)]).starts_with(name), "{name}={text}");
        }
    }
    for name in [
        "HEARTBEAT_INTERVAL",
        "TASK_POLL_TIMEOUT",
        "AXON_REQUEST_TIMEOUT",
    ] {
        // 1e-12 s is above 0 as a number, but not as a time span.
        for text in ["0", "0.0", "-0", "1e-12"] {
            assert!(told(&[(name, text)]).contains("above 0"), "{name}={text}");
        }
    }
    assert_eq!(
        good(&[("IDLE_POLL_DELAY", "0")]).timing.idle_poll_delay,
        Duration::ZERO
    );
    let settings = good(&[("HEARTBEAT_INTERVAL", " 0.25 ")]);
    assert_eq!(
        settings.timing.heartbeat_interval,
        Duration::from_millis(250)
    );
}

#[test]
fn words_are_read_in_any_letter_case() {
    assert!(good(&[("WORKER_ENABLE_WEBSOCKETS", "tRUE")]).enable_websockets);
    assert!(!good(&[("WORKER_ENABLE_WEBSOCKETS", "FALSE")]).enable_websockets);
    let mode = |text| good(&[("MULTI_ORCHESTRATOR_MODE", text)]).mode;
    assert_eq!(mode("Round_Robin"), OrchestratorMode::RoundRobin);
    assert_eq!(mode("waterfall"), OrchestratorMode::Waterfall);
    assert_eq!(mode("failover"), OrchestratorMode::Failover);
}

#[test]
fn the_stronger_of_two_names_wins() {
    let dirs = [("WORKER_PAYLOAD_DIR", "/old"), ("TASK_FILES_DIR", "/new")];
    assert_eq!(
        good(&dirs[..1]).storage.task_files_dir.to_str(),
        Some("/old")
    );
    assert_eq!(good(&dirs).storage.task_files_dir.to_str(), Some("/new"));
    assert_eq!(
        warnings(&dirs),
        ["WORKER_PAYLOAD_DIR is ignored: TASK_FILES_DIR is set as well"]
    );

    let token = |vars: &[_]| good(vars).orchestrators[0].token.expose().to_owned();
    assert_eq!(
        token(&[("WORKER_TOKEN", "all"), ("WORKER_INDIVIDUAL_TOKEN", "mine")]),
        "mine"
    );
    assert_eq!(
        token(&[("WORKER_TOKEN", "all"), ("WORKER_INDIVIDUAL_TOKEN", "")]),
        "all"
    );
    assert_eq!(
        warnings(&[("WORKER_INDIVIDUAL_TOKEN", "mine-alone")]),
        [""; 0]
    );

    let models = [
        ("INSTALLED_MODELS", "[oops"),
        ("INSTALLED_ARTIFACTS", r#"[{"name":"m"}]"#),
    ];
    assert_eq!(
        good(&models).installed_models[0].name,
        "m",
        "an unreadable list is no list"
    );
}

#[test]
fn json_of_the_wrong_shape_names_the_part() {
    for (name, text, problem) in [
        (
            "INSTALLED_SOFTWARE",
            r#"{"python":3.9}"#,
            "INSTALLED_SOFTWARE.python: expected text, got 3.9",
        ),
        (
            "INSTALLED_SOFTWARE",
            "[]",
            "INSTALLED_SOFTWARE: expected an object, got a list",
        ),
        (
            "INSTALLED_MODELS",
            r#"[{"version":"1"}]"#,
            "INSTALLED_MODELS[0].name: missing",
        ),
        (
            "INSTALLED_MODELS",
            r#"[{"name":"m","version":1}]"#,
            "INSTALLED_MODELS[0].version: expected text, got 1",
        ),
        (
            "INSTALLED_ARTIFACTS",
            r#"["m"]"#,
            "INSTALLED_ARTIFACTS[0]: expected an object, got text",
        ),
        (
            "COST_PER_SKILL",
            r#"{"a":-1}"#,
            "COST_PER_SKILL.a: expected a number from 0 to 1e9, got -1",
        ),
        (
            "AXON_TASK_TYPE_LIMITS",
            r#"{"a":1.5}"#,
            "AXON_TASK_TYPE_LIMITS.a: expected a whole number from 0 to 1000000, got 1.5",
        ),
        (
            "AXON_TASK_TYPE_LIMITS",
            r#"{"a b":1}"#,
            "AXON_TASK_TYPE_LIMITS: expected names of task types",
        ),
        (
            "AXON_TASK_TYPE_LIMITS",
            "{a:1}",
            "got text that is not JSON (line 1, column 2)",
        ),
    ] {
        let told = told(&[(name, text)]);
        assert!(told.contains(problem), "{told}");
    }
    let settings = good(&[("AXON_TASK_TYPE_LIMITS", r#"{"video":2,"audio":0}"#)]);
    assert_eq!(settings.intake.task_type_limits["video"], 2);
    assert_eq!(settings.intake.task_type_limits["audio"], 0);
}

#[test]
fn json_that_cannot_be_read_is_a_warning_and_not_shown() {
    for name in [
        "ORCHESTRATORS_CONFIG",
        "INSTALLED_SOFTWARE",
        "INSTALLED_MODELS",
        "COST_PER_SKILL",
    ] {
        let warnings = warnings(&[(name, r#"[{"token":"hunter2"#)]);
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].starts_with(name) && !warnings[0].contains("hunter2"),
            "{warnings:?}"
        );
    }
}

#[test]
fn settings_that_do_not_go_together_are_told() {
    assert_eq!(
        told(&[("TLS_CERT_PATH", "c.pem")]),
        "TLS_CERT_PATH: TLS_KEY_PATH must be set as well"
    );
    for (vars, part) in [
        (vec![("GPU_VRAM_GB", "24")], "GPU_VRAM_GB is ignored"),
        (vec![("GPU_ID", "1")], "GPU_ID is ignored"),
        (vec![("S3_ACCESS_KEY", "access")], "S3_ENDPOINT_URL is not"),
        (
            vec![
                ("S3_ENDPOINT_URL", "http://s3"),
                ("S3_SECRET_KEY", "secret"),
            ],
            "only one of",
        ),
        (
            vec![("S3_ENDPOINT_URL", "http://s3"), ("AXON_STORAGE_DIR", "/s")],
            "AXON_STORAGE_DIR is ignored",
        ),
        (
            vec![("WORKER_BLOB_CACHE_DIR", "/c")],
            "WORKER_BLOB_CACHE_DIR is ignored",
        ),
        (
            vec![("POLL_BACKOFF_INITIAL", "90")],
            "POLL_BACKOFF_INITIAL is more",
        ),
        (
            vec![
                ("ORCHESTRATORS_CONFIG", r#"[{"url":"http://a"}]"#),
                ("ORCHESTRATOR_URL", "http://b"),
            ],
            "ORCHESTRATOR_URL is ignored",
        ),
        (
            vec![(
                "ORCHESTRATORS_CONFIG",
                r#"[{"url":"http://a"},{"url":"http://a/"}]"#,
            )],
            "http://a is listed more than once",
        ),
        (
            vec![(
                "ORCHESTRATORS_CONFIG",
                r#"[{"url":"http://a","region":"eu"}]"#,
            )],
            "ORCHESTRATORS_CONFIG[0]: ignored unknown fields: \"region\"",
        ),
    ] {
        let warnings = warnings(&vars);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(part), "{warnings:?}");
    }
}

#[test]
fn web_socket_urls_are_the_same_orchestrators() {
    let list = r#"[{"url":"wss://a/"},{"url":"WS://b:1"}]"#;
    let settings = good(&[("ORCHESTRATORS_CONFIG", list)]);
    let urls: Vec<_> = settings
        .orchestrators
        .iter()
        .map(|o| o.url.as_str())
        .collect();
    assert_eq!(urls, ["http://b:1", "https://a"]);
}

#[test]
fn a_controller_takes_the_place_of_the_default_orchestrator_only() {
    let controller = ("DISTWORKER_CONTROLLER_URL", "http://c:8081");
    let token = ("DISTWORKER_WORKER_TOKEN", "t");
    assert_eq!(good(&[controller, token]).orchestrators, []);
    let both = good(&[controller, token, ("ORCHESTRATOR_URL", "http://o")]);
    assert_eq!(both.orchestrators[0].url, "http://o");
    assert_eq!(
        both.distworker.controller_url.as_deref(),
        Some("http://c:8081")
    );
}

#[test]
fn a_worker_with_an_id_has_one_connection() {
    let vars = [
        ("DISTWORKER_CONTROLLER_URL", "http://c:8081"),
        ("DISTWORKER_WORKER_TOKEN", "t"),
        ("DISTWORKER_WORKER_ID", "w"),
        ("DISTWORKER_CONNECTIONS", "4"),
    ];
    let loaded = load(&vars).unwrap();
    assert_eq!(loaded.settings.distworker.connections, 1);
    assert!(
        loaded
            .warnings
            .iter()
            .any(|w| w.contains("DISTWORKER_CONNECTIONS"))
    );
}

#[test]
fn attempts_are_counted_from_zero_or_without_end() {
    let read = |text| load(&[("DISTWORKER_MAX_RECONNECT_ATTEMPTS", text)]);
    let attempts = |text| {
        read(text)
            .unwrap()
            .settings
            .distworker
            .max_reconnect_attempts
    };
    assert_eq!(
        (attempts("-1"), attempts("0"), attempts("7")),
        (None, Some(0), Some(7))
    );
    assert!(read("-2").is_err() && read("many").is_err());
}

#[test]
fn the_journal_is_in_the_folder_for_state_that_the_system_names() {
    let journal = |vars: &[(&str, &str)]| {
        let vars = [vars, &[("WORKER_ID", "w")]].concat();
        let settings = good(&vars);
        let folder = settings.journal_dir().expect("a journal");
        (
            folder.display().to_string(),
            settings.journal_is_temporary(),
        )
    };
    let (home, state) = (("HOME", "/home/u"), ("XDG_STATE_HOME", "/state"));
    let unit = ("STATE_DIRECTORY", "/var/lib/unit:/var/lib/more");
    for (vars, expected) in [
        (vec![home, state, unit], "/var/lib/unit/journal/w"),
        (vec![home, state], "/state/axon-worker/journal/w"),
        (
            vec![home, ("XDG_STATE_HOME", "relative")],
            "/home/u/.local/state/axon-worker/journal/w",
        ),
        (vec![home], "/home/u/.local/state/axon-worker/journal/w"),
        (vec![home, ("AXON_JOURNAL_DIR", "/of/mine")], "/of/mine"),
        (vec![("AXON_JOURNAL_DIR", "/of/mine")], "/of/mine"),
    ] {
        assert_eq!(journal(&vars), (expected.to_owned(), false), "{vars:?}");
    }
    let (folder, is_temporary) = journal(&[]);
    assert!(is_temporary);
    let user = rustix::process::geteuid().as_raw();
    assert!(
        folder.ends_with(&format!("axon-worker-{user}/journal/w")),
        "{folder}"
    );
}

#[test]
fn names_of_other_programs_mean_nothing() {
    let others = [
        ("SECRET_KEY", "of another program"),
        ("TOKEN", "x"),
        ("ACCESS_KEY", "x"),
        ("DATABASE_URL", "postgres://u:p@h/d"),
        ("PRIVATE_KEY", "x"),
    ];
    let without = good(&[("WORKER_ID", "w")]);
    let vars: Vec<_> = [("WORKER_ID", "w")].into_iter().chain(others).collect();
    assert_eq!(good(&vars), without);
    let told = warnings(&vars).join(" ");
    assert!(
        others.iter().all(|(name, _)| !told.contains(name)),
        "{told}"
    );
}
