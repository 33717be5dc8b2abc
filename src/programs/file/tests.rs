use super::*;

/// What becomes of a file with this text.
fn load(text: &str) -> Result<WorkerFile, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.toml");
    std::fs::write(&path, text).unwrap();
    let shown = path.display().to_string();
    WorkerFile::read(&path, Some(BTreeMap::new()))
        .map_err(|error| error.to_string().replace(&shown, "worker.toml"))
}

#[test]
fn a_file_is_a_worker() {
    let file = load(
        r#"
        worker_type = "texts"
        [intake]
        max_concurrent_tasks = 4

        [tasks.count]
        command = ["sh", "-c", "cat {here}/worker.toml"]
        timeout = 2.5
        grace = 0
        working_folder = "task"
        inherit = ["HOME", "LC_*"]
        environment = { LANG = "C.UTF-8" }
        exit_codes = { 3 = "INVALID_INPUT_ERROR" }
        needs = ["model"]
        limits = { line = "1 MiB", output = 4096, stderr = 100 }

        [tasks.classify]
        command = ["cat"]
        mode = "pool"
        processes = 3
        ahead = false
        max_tasks = 100
        working_folder = "{here}"

        [tasks.sums]
        command = ["cat"]
        queue = "math.*"
        type = "math"
        "#,
    )
    .unwrap();
    assert_eq!(file.settings().worker_type, "texts");
    assert_eq!(file.settings().intake.max_concurrent_tasks, 4);
    let worker = file.into_builder().build().unwrap();
    let shown = format!("{worker:?}");
    // A pool that shares its type with nobody takes as many tasks as it has processes.
    assert!(
        shown.contains(r#"task_type_limits: {"classify": 3}"#),
        "{shown}"
    );
}

#[test]
fn all_that_is_wrong_is_told_together_and_names_its_key() {
    let error = load(
        r#"
        worker_port = "x"
        colour = "red"
        [tasks.a]
        command = "sh"
        timout = 3
        [tasks.b]
        mode = "twice"
        timeout = 0
        [tasks.c]
        command = ["true"]
        processes = 2
        limits = { memory = "much", pages = 3 }
        exit_codes = { 0 = "TRANSIENT_ERROR", 3 = "WRONG" }
        environment = { N = 3, "A=B" = "" }
        [tasks.d]
        command = []
        mode = "pool"
        working_folder = "task"
        ["tasks"."not a name"]
        command = ["true"]
        "#,
    )
    .unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    for expected in [
        "worker_port (worker.toml): expected a whole number",
        "colour (worker.toml): unknown key",
        "tasks.a.command (worker.toml): expected a list of texts, got \"sh\"",
        "tasks.a.timout (worker.toml): unknown key",
        "tasks.b.mode (worker.toml): expected one of once, pool, got \"twice\"",
        "tasks.b.timeout (worker.toml): expected a number of seconds above 0",
        "tasks.b.command (worker.toml): missing",
        "tasks.c.processes (worker.toml): mode = \"pool\" must be set as well",
        "tasks.c.limits.memory (worker.toml): expected bytes from 1048576",
        "tasks.c.limits.pages (worker.toml): unknown key",
        "tasks.c.exit_codes.0 (worker.toml): expected an exit code from 1 to 255",
        "tasks.c.exit_codes.3 (worker.toml): expected one of TRANSIENT_ERROR, ",
        "tasks.c.environment.N (worker.toml): expected text, got 3",
        "tasks.c.environment.A=B (worker.toml): expected a variable",
        "tasks.d.command (worker.toml): expected a program and its arguments",
        "tasks.d.working_folder (worker.toml): expected a path",
        "tasks.not a name (worker.toml): expected a name of 1 to 128",
    ] {
        let count = lines
            .iter()
            .filter(|line| line.starts_with(expected))
            .count();
        assert_eq!(count, 1, "{expected}\n{error}");
    }
    assert_eq!(lines.len(), 17, "{error}");
}

#[test]
fn programs_that_are_not_there_are_told_with_their_tasks() {
    let error = load(
        r#"
        [tasks.a]
        command = ["no-such-program-here"]
        [tasks.b]
        command = ["./worker.toml"]
        [tasks.c]
        command = ["true"]
        working_folder = "nowhere"
        "#,
    )
    .unwrap_err();
    assert!(
        error.contains("command \"no-such-program-here\" of task a: not found"),
        "{error}"
    );
    assert!(
        error.contains("command \"./worker.toml\" of task b: not executable"),
        "{error}"
    );
    assert!(error.contains("task c: working folder"), "{error}");
}

#[test]
fn limits_of_the_system_need_the_step_that_sets_them() {
    let error = load("[tasks.a]\ncommand = [\"true\"]\nlimits = { open_files = 64 }");
    assert!(error.unwrap_err().contains("programs::enter()"));
}
