//! The conformance worker (`examples/conformance.rs`) as a process.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::orchestrator::{Orchestrator, SECRET_KEY, WORKER_TOKEN};
use super::process::Process;
use super::{HINT, Release, project};

/// Names another program to be tested in place of the example.
const PROGRAM: &str = "AXON_CONFORMANCE_WORKER";

/// The file with a line for each handler that begins or ends.
const TRACE: &str = "handlers.log";

/// The environment of a worker.
#[derive(Debug)]
pub(crate) struct WorkerSetup {
    id: String,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl WorkerSetup {
    /// A worker of this orchestrator, with heartbeats every second.
    pub(crate) fn new(orchestrator: &Orchestrator, folder: PathBuf) -> Self {
        let setup = Self::at(&orchestrator.url(), folder);
        match orchestrator.release() {
            Release::V1_0b12 => setup,
            // So it accepts no task without the right signature.
            Release::V1_0b30 => setup.set("ORCHESTRATOR_SECRET_KEY", SECRET_KEY),
        }
    }

    /// The same, of whoever answers there.
    pub(crate) fn at(url: &str, folder: PathBuf) -> Self {
        let id = "conformance-1".to_owned();
        let files = folder.join("task-files").display().to_string();
        let state = folder.join("state").display().to_string();
        let trace = folder.join(TRACE).display().to_string();
        Self {
            id: id.clone(),
            folder,
            variables: Vec::new(),
        }
        .set("WORKER_ID", &id)
        .set("WORKER_TOKEN", WORKER_TOKEN)
        .set("WORKER_PORT", "0")
        .set("ORCHESTRATOR_URL", url)
        .set("HEARTBEAT_INTERVAL", "1")
        // Nobody waits for polls at the end of a scenario.
        .set("AXON_DRAIN_POLL_WAIT", "1")
        .set("TASK_FILES_DIR", &files)
        .set("STATE_DIRECTORY", &state)
        .set("AXON_CONFORMANCE_LOG", &trace)
        .set("LOG_LEVEL", "info,axon_worker=debug")
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the worker, without waiting for anything.
    pub(crate) fn start(self) -> Worker {
        let mut command = Command::new(program());
        // Nothing of the environment of the tests but where programs are found.
        command
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.variables)
            .current_dir(&self.folder);
        let log = self.folder.join("worker.log");
        Worker {
            id: self.id,
            trace: self.folder.join(TRACE),
            process: Process::start("conformance worker", &mut command, log),
        }
    }
}

/// A running conformance worker.
#[derive(Debug)]
pub(crate) struct Worker {
    id: String,
    trace: PathBuf,
    process: Process,
}

impl Worker {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Everything it printed.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    /// What its handlers did, line by line: `begin` or `end`, process, name, task, job.
    pub(crate) fn trace(&self) -> String {
        std::fs::read_to_string(&self.trace).unwrap_or_default()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Ends it at once, with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for its end.
    pub(crate) async fn exit(&mut self, within: Duration) -> ExitStatus {
        self.process.exit(within).await
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }
}

/// The example beside the tests' own folder in the target folder, unless another is named.
fn program() -> PathBuf {
    if let Some(named) = env::var_os(PROGRAM) {
        return project().join(named);
    }
    let tests = env::current_exe().expect("the path of this test");
    let built = tests
        .ancestors()
        .nth(2)
        .expect("tests are in target/<profile>/deps")
        .join("examples/conformance");
    assert!(built.exists(), "{} is missing: {HINT}", built.display());
    built
}
