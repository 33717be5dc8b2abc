//! The optional file, and which layer wins.

use std::io::Write;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::*;
use crate::config::Problem;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Loads a file with this text, and these variables above it.
fn load_file(text: &str, vars: &[(&str, &str)]) -> Result<Loaded, crate::config::ConfigError> {
    let file = file(text);
    let path = file.path().to_str().unwrap();
    let vars: Vec<_> = vars
        .iter()
        .copied()
        .chain([("AXON_WORKER_CONFIG", path), ("WORKER_TOKEN", "token-t")])
        .collect();
    load(&vars)
}

/// The problems, with `FILE` for the path.
fn problems(text: &str, vars: &[(&str, &str)]) -> Vec<String> {
    let path = |p: &Problem| {
        let text = p.to_string();
        match text.find(std::env::temp_dir().to_str().unwrap()) {
            None => text,
            Some(from) => {
                let len = text[from..].find([')', ':']).unwrap();
                format!("{}FILE{}", &text[..from], &text[from + len..])
            }
        }
    };
    load_file(text, vars)
        .unwrap_err()
        .problems()
        .iter()
        .map(path)
        .collect()
}

const FULL: &str = r#"
worker_id = "from-file"
worker_port = 0
mode = "round_robin"
enable_websockets = true

[intake]
max_concurrent_tasks = 3
task_type_limits = { video = 1 }

[timing]
heartbeat_interval = 2.5
poll_timeout = 7

[resources]
cpu_cores = 8
[resources.gpu]
model = "RTX 4090"
vram_gb = 24

[installed_software]
"ffmpeg" = "6.1"
"python.3" = "3.12"

[[installed_models]]
name = "m"

[tls]
ca_path = "ca.pem"

[storage]
endpoint_url = "http://s3:9000"
access_key = "access"
secret_key = "secret"

[[orchestrators]]
url = "http://b/"
weight = 5
[[orchestrators]]
url = "http://a"
priority = 1
token = "its-own"
"#;

#[test]
fn a_file_can_set_everything() {
    let loaded = load_file(FULL, &[]).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let s = loaded.settings;
    assert_eq!(
        (s.worker_id.as_str(), s.worker_id_is_fixed, s.worker_port),
        ("from-file", true, 0)
    );
    assert!(s.enable_websockets);
    assert_eq!(s.intake.max_concurrent_tasks, 3);
    assert_eq!(s.intake.task_type_limits["video"], 1);
    assert_eq!(s.timing.heartbeat_interval, Duration::from_millis(2500));
    assert_eq!(s.timing.poll_timeout, Duration::from_secs(7));
    let gpu = s.resources.gpu.unwrap();
    assert_eq!(
        (s.resources.cpu_cores, gpu.vram_gb, gpu.id.as_str()),
        (8, 24, "0")
    );
    assert_eq!(s.installed_software["python.3"], "3.12");
    assert_eq!(s.installed_models[0].version, "unknown");
    assert_eq!(s.tls_ca_path.unwrap().to_str(), Some("ca.pem"));
    assert_eq!(s.storage.secret_key.unwrap().expose(), "secret");
    let list: Vec<_> = s
        .orchestrators
        .iter()
        .map(|o| (o.url.as_str(), o.priority, o.weight, o.token.expose()))
        .collect();
    assert_eq!(
        list,
        [
            ("http://a", 1, 1, "its-own"),
            ("http://b", 10, 5, "token-t")
        ]
    );
}

#[test]
fn variables_win_over_the_file_and_leave_the_rest_of_it() {
    let vars = [
        ("WORKER_ID", "from-env"),
        ("HEARTBEAT_INTERVAL", "9"),
        ("INSTALLED_SOFTWARE", r#"{"x":"1"}"#),
        ("ORCHESTRATOR_URL", "http://env"),
        ("MAX_CONCURRENT_TASKS", ""),
        ("INSTALLED_MODELS", "not json"),
    ];
    let s = load_file(FULL, &vars).unwrap().settings;
    assert_eq!(s.worker_id.as_str(), "from-env");
    assert_eq!(s.timing.heartbeat_interval, Duration::from_secs(9));
    assert_eq!(
        s.timing.poll_timeout,
        Duration::from_secs(7),
        "not set in the environment"
    );
    assert_eq!(
        s.installed_software.len(),
        1,
        "a variable replaces the whole table"
    );
    assert_eq!(
        s.orchestrators.len(),
        1,
        "a variable replaces the whole list"
    );
    assert_eq!(s.orchestrators[0].url, "http://env");
    assert_eq!(s.intake.max_concurrent_tasks, 3, "blank is not set");
    assert_eq!(s.installed_models[0].name, "m", "not JSON is not set");
}

#[test]
fn mistakes_in_the_file_name_key_and_file_together_with_those_of_variables() {
    let text = r#"
        worker_type = 5
        results = 7
        colour = "red"
        [timing]
        heartbeat_interval = inf
        heartbeat_intervall = 5
        [resources.gpu.fan]
        speed = 1
        [[orchestrators]]
        url = "http://a"
        wait = 5
    "#;
    let mut found = problems(text, &[("WORKER_PORT", "x")]);
    found.sort();
    assert_eq!(
        found,
        [
            "WORKER_PORT: expected a whole number from 0 to 65535, got \"x\"",
            "colour (FILE): unknown key",
            "orchestrators[0].wait (FILE): unknown key",
            "resources.gpu.fan (FILE): unknown key",
            "results (FILE): expected a table, got something else",
            "timing.heartbeat_interval (FILE): expected a number of seconds above 0, up to 1e9, got \"inf\"",
            "timing.heartbeat_intervall (FILE): unknown key",
            "worker_type (FILE): expected text, got 5",
        ]
    );
}

#[test]
fn a_missing_file_is_named_with_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let told = told(&[("AXON_WORKER_CONFIG", path.to_str().unwrap())]);
    let start = format!("AXON_WORKER_CONFIG: cannot read {}: ", path.display());
    assert!(told.starts_with(&start), "{told}");
}

#[test]
fn a_path_with_a_line_break_keeps_its_problem_on_one_line() {
    assert_eq!(
        told(&[("AXON_WORKER_CONFIG", "no\nfile")]).lines().count(),
        1
    );
    assert_eq!(
        problems("\"a\\nb\" = 1", &[]),
        ["a\\nb (FILE): unknown key"]
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_the_line() {
    let found = problems("worker_id = \"a\"\nworker_type = oops\n", &[]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("AXON_WORKER_CONFIG: cannot read FILE: "),
        "{found:?}"
    );
    assert!(found[0].contains("line 2"), "{found:?}");
}
