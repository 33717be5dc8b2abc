//! The published orchestrator: `tests/real/orchestrator.py` as a process.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::process::Process;
use super::{HINT, Value, eventually, free_port, project};

/// The token that workers show.
pub(crate) const WORKER_TOKEN: &str = "e2e-worker-token";
/// The token that clients show.
pub(crate) const CLIENT_TOKEN: &str = "e2e-client-token";

/// The settings of an orchestrator, as the environment of its package.
#[derive(Debug, Clone)]
pub(crate) struct OrchestratorSetup(Vec<(&'static str, String)>);

impl Default for OrchestratorSetup {
    fn default() -> Self {
        Self::as_shipped()
            .set("RATE_LIMITING_ENABLED", "false")
            .set("WORKER_POLL_TIMEOUT_SECONDS", "2")
    }
}

impl OrchestratorSetup {
    /// The defaults of the package: 60 polls a minute, polls held for 30 seconds.
    pub(crate) fn as_shipped() -> Self {
        Self(Vec::new())
            .set("GLOBAL_WORKER_TOKEN", WORKER_TOKEN)
            .set("LOG_FORMAT", "text")
    }

    /// Sets a variable of the package.
    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }
}

/// An orchestrator that can be started, killed and started again on the same port.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    setup: OrchestratorSetup,
    storage: String,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Orchestrator {
    /// An orchestrator that does not run yet.
    pub(crate) fn new(setup: OrchestratorSetup, storage: String, folder: PathBuf) -> Self {
        Self {
            setup,
            storage,
            folder,
            port: free_port(),
            process: None,
        }
    }

    /// Starts it; it answers when this returns.
    pub(crate) async fn start(&mut self) {
        let python = project().join(".venv-1.0b12/bin/python");
        assert!(python.exists(), "{} is missing: {HINT}", python.display());
        let mut command = Command::new(python);
        command
            .arg(project().join("tests/real/orchestrator.py"))
            .args(["--port", &self.port.to_string()])
            .args(["--storage", &self.storage])
            .args(["--client-token", CLIENT_TOKEN])
            .arg("--history")
            .arg(self.folder.join("history.db"))
            .envs(self.setup.0.iter().map(|(name, value)| (*name, value)))
            .current_dir(&self.folder);
        let log = self.folder.join("orchestrator.log");
        let mut process = Process::start("orchestrator", &mut command, log);
        let this = &*self;
        eventually("the orchestrator answers", Duration::from_mins(1), || {
            let ended = process.ended();
            assert!(
                ended.is_none(),
                "orchestrator: {ended:?}\n{}",
                process.output()
            );
            async move { this.try_get("/_public/status").await.ok_or(Value::Null) }
        })
        .await;
        self.process = Some(process);
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// The address it listens on, running or not.
    pub(crate) fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything it printed.
    pub(crate) fn output(&self) -> String {
        self.process
            .as_ref()
            .map(Process::output)
            .unwrap_or_default()
    }
}
