//! An orchestrator, and a worker whose programs are puppets.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobHandle, JobReport, JobSpec};
pub(crate) use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);

/// An orchestrator and the folder of its worker.
pub(crate) struct Stage {
    pub(crate) orchestrator: DevOrchestrator,
    folder: TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let orchestrator = DevOrchestrator::builder().max_retries(0).start().await;
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            orchestrator: orchestrator.expect("an orchestrator"),
            folder,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A worker with these tables of tasks, in which `PUPPET` stands for the puppet as
    /// the words of a command.
    pub(crate) async fn worker(&self, tasks: &str) -> Worker {
        self.worker_with(tasks, &[]).await
    }

    /// With these variables as well.
    pub(crate) async fn worker_with(&self, tasks: &str, variables: &[(&str, &str)]) -> Worker {
        let file = self.puppets(tasks);
        self.start(&file, variables).await
    }

    /// The file with these tables.
    pub(crate) fn puppets(&self, tasks: &str) -> PathBuf {
        let puppet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/puppet.py");
        let words = format!("\"python3\", \"{}\"", puppet.display());
        let file = self.path("worker.toml");
        fs::write(&file, tasks.replace("PUPPET", &words)).expect("a file");
        file
    }

    /// A worker with these tables that has not all rights of the superuser, if that is who
    /// runs the tests: without these capabilities.
    pub(crate) async fn worker_without(&self, capabilities: &str, tasks: &str) -> Worker {
        let file = self.puppets(tasks);
        let mut words = without(capabilities);
        words.push(env!("CARGO_BIN_EXE_axon-worker").to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        self.start_by(of_file(command, &file), &[]).await
    }

    /// A worker with this file, registered.
    pub(crate) async fn start(&self, file: &Path, variables: &[(&str, &str)]) -> Worker {
        self.start_by(command(file), variables).await
    }

    async fn start_by(&self, mut command: Command, variables: &[(&str, &str)]) -> Worker {
        let log = self.path("worker.log");
        let output = File::create(&log).expect("a log");
        let child = command
            .env("ORCHESTRATOR_URL", self.orchestrator.url())
            .env("WORKER_TOKEN", "your-secret-worker-token")
            .env("WORKER_ENABLE_WEBSOCKETS", "true")
            .env("TASK_FILES_DIR", self.path("task-files"))
            .env("AXON_CANCEL_GRACE", "30")
            .envs(variables.iter().copied())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("the worker starts");
        let worker = Worker { child, log };
        let is_here = |view: &axon_worker::dev::View<'_>| !view.workers().is_empty();
        let here = self.orchestrator.wait_within(PATIENCE, is_here).await;
        assert!(here.is_ok(), "no worker: {}", worker.log());
        worker
    }

    pub(crate) async fn submit(&self, task: &str, params: Value) -> JobHandle {
        let spec = JobSpec::task(task, params);
        self.orchestrator.submit(spec).await.expect("a job")
    }

    /// A job of one task, done.
    pub(crate) async fn run(&self, task: &str, params: Value) -> JobReport {
        end_of(&self.submit(task, params).await).await
    }

    /// The data of a job that has to succeed.
    pub(crate) async fn data(&self, task: &str, params: Value) -> Value {
        let report = self.run(task, params).await;
        assert!(report.is_success(), "{report:#?}");
        report.data
    }

    /// Code and message of a job that has to fail.
    pub(crate) async fn error(&self, task: &str, params: Value) -> (String, String) {
        error_of(&self.run(task, params).await)
    }
}

/// The end of a job.
pub(crate) async fn end_of(job: &JobHandle) -> JobReport {
    job.finished_within(PATIENCE).await.expect("an end in time")
}

/// Code and message of the only attempt, which failed.
pub(crate) fn error_of(report: &JobReport) -> (String, String) {
    let error = report.history[0].error.clone().unwrap_or_default();
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    assert!(!text("code").is_empty(), "{report:#?}");
    (text("code"), text("message"))
}

/// `axon-worker run` with nothing of the environment but where programs are.
pub(crate) fn command(file: &Path) -> Command {
    of_file(Command::new(env!("CARGO_BIN_EXE_axon-worker")), file)
}

fn of_file(mut command: Command, file: &Path) -> Command {
    command
        .arg("run")
        .arg(file)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("WORKER_PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The words before a command that take these capabilities away from the superuser; none for
/// anybody else, who does not have them.
pub(crate) fn without(capabilities: &str) -> Vec<String> {
    let whoami = Command::new("id").arg("-u").output().expect("id runs");
    if whoami.stdout.trim_ascii() != b"0" {
        return vec!["env".to_owned()];
    }
    let setpriv = Command::new("setpriv").arg("--version").output();
    assert!(
        setpriv.is_ok(),
        "as root this test needs setpriv: {setpriv:?}"
    );
    let capabilities: Vec<_> = capabilities.split(' ').map(|it| format!("-{it}")).collect();
    vec![
        "setpriv".to_owned(),
        format!("--bounding-set={}", capabilities.join(",")),
        format!("--inh-caps={}", capabilities.join(",")),
    ]
}

/// A running worker.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a line of the log.
    pub(crate) async fn says(&self, text: &str) {
        eventually(text, || self.log().contains(text).then_some(())).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&[self.pid()], name);
    }

    pub(crate) fn pid(&self) -> u64 {
        self.child.id().into()
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        eventually("the end of the worker", || {
            self.child.try_wait().expect("a child")
        })
        .await
    }

    /// Waits until it has no process left, not even a dead one that was not collected.
    pub(crate) async fn has_no_processes(&self) {
        let worker = self.child.id().to_string();
        eventually("no process of the worker is left", || {
            let processes = fs::read_dir("/proc").expect("a list of processes");
            let stats = processes
                .flatten()
                .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
            // "pid (name) state parent ..."
            let parent = |stat: &String| {
                let fields = stat.rsplit(')').next().unwrap_or_default();
                fields.split_whitespace().nth(1).map(str::to_owned)
            };
            let mut parents = stats.filter_map(|stat| parent(&stat));
            (!parents.any(|parent| parent == worker)).then_some(())
        })
        .await;
    }

    /// Its memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the worker runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number")
            * 1024
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the log of the worker:\n{}", self.log());
        }
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a puppet left in a file.
pub(crate) async fn told(file: &Path) -> Value {
    eventually("the puppet tells", || {
        let text = fs::read(file).ok()?;
        Some(serde_json::from_slice(&text).expect("JSON"))
    })
    .await
}

/// The processes that a puppet told of.
pub(crate) async fn pids(file: &Path) -> Vec<u64> {
    let told = told(file).await;
    let pids: Vec<_> = told
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    assert!(
        !pids.is_empty() && pids.iter().all(|pid| is_alive(*pid)),
        "{told}"
    );
    pids
}

/// Sends a signal to processes, one right after the other.
pub(crate) fn signal(pids: &[u64], name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name])
        .args(pids.iter().map(u64::to_string))
        .status();
    assert!(sent.expect("kill runs").success());
}

/// Whether a process runs. One that nobody has collected is dead.
pub(crate) fn is_alive(pid: u64) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.starts_with(['Z', 'X'])
}

/// Waits until none of them runs.
pub(crate) async fn gone(pids: &[u64]) {
    eventually("the processes are gone", || {
        (!pids.iter().any(|pid| is_alive(*pid))).then_some(())
    })
    .await;
}
