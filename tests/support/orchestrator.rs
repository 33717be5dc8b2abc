//! The published orchestrator: `tests/real/orchestrator.py` as a process.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::process::Process;
use super::{HINT, Release, Value, eventually, free_port, project};

/// The token that workers show.
pub(crate) const WORKER_TOKEN: &str = "e2e-worker-token";
/// The token that clients show.
pub(crate) const CLIENT_TOKEN: &str = "e2e-client-token";
/// What 1.0b30 signs its tasks with.
pub(crate) const SECRET_KEY: &str = "e2e-secret-key";

/// The settings of an orchestrator: the environment of its package, and the
/// arguments of our script.
#[derive(Debug, Clone)]
pub(crate) struct OrchestratorSetup {
    release: Release,
    variables: Vec<(&'static str, String)>,
    meddling: bool,
    has_tls: bool,
    has_history: bool,
    port: Option<u16>,
}

impl OrchestratorSetup {
    /// No rate limits, and polls held for two seconds.
    pub(crate) fn new(release: Release) -> Self {
        let setup = Self::as_shipped(release)
            .set("RATE_LIMITING_ENABLED", "false")
            .set("WORKER_POLL_TIMEOUT_SECONDS", "2");
        match release {
            Release::V1_0b12 => setup,
            // With Redis, 1.0b30 takes each task that runs while it looks at the clock
            // for one whose time is up.
            Release::V1_0b30 => setup.set("WATCHER_INTERVAL_SECONDS", "3600"),
        }
    }

    /// The defaults of the package: 60 polls a minute, polls held for 30 seconds.
    pub(crate) fn as_shipped(release: Release) -> Self {
        let setup = Self {
            release,
            variables: Vec::new(),
            meddling: false,
            has_tls: false,
            has_history: true,
            port: None,
        }
        .set("GLOBAL_WORKER_TOKEN", WORKER_TOKEN)
        .set("LOG_FORMAT", "text");
        match release {
            Release::V1_0b12 => setup,
            Release::V1_0b30 => setup
                // Clients see whole job records.
                .set("DETAILED_API_RESPONSES", "true")
                .set("ORCHESTRATOR_SECRET_KEY", SECRET_KEY),
        }
    }

    /// Sets a variable of the package.
    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Jobs may ask for their tasks to be changed on the way (`tests/real/meddling.py`).
    pub(crate) fn with_meddling(mut self) -> Self {
        self.meddling = true;
        self
    }

    /// Keeps no history, which takes most of the time when there are many jobs.
    pub(crate) fn without_history(mut self) -> Self {
        self.has_history = false;
        self
    }

    /// Listens there, where nobody else does.
    pub(crate) fn on_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Workers come by `https`, clients by a door of their own.
    pub(crate) fn with_tls(mut self) -> Self {
        self.has_tls = true;
        self.set("TLS_ENABLED", "true")
    }
}

/// An orchestrator that can be started, killed and started again on the same port.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    setup: OrchestratorSetup,
    storage: String,
    folder: PathBuf,
    port: u16,
    plain_port: u16,
    process: Option<Process>,
}

/// The Python interpreter of the environment that has this release.
pub(crate) fn published_python(release: Release) -> PathBuf {
    let python = project().join(format!(".venv-{}/bin/python", release.version()));
    assert!(python.exists(), "{} is missing: {HINT}", python.display());
    python
}

impl Orchestrator {
    /// An orchestrator that does not run yet.
    pub(crate) fn new(setup: OrchestratorSetup, storage: String, folder: PathBuf) -> Self {
        let port = setup.port.unwrap_or_else(free_port);
        let plain_port = if setup.has_tls { free_port() } else { port };
        Self {
            setup,
            storage,
            folder,
            port,
            plain_port,
            process: None,
        }
    }

    /// Which one it is.
    pub(crate) fn release(&self) -> Release {
        self.setup.release
    }

    /// Starts it; it answers when this returns.
    pub(crate) async fn start(&mut self) {
        let mut command = Command::new(published_python(self.setup.release));
        command
            .arg(project().join("tests/real/orchestrator.py"))
            .args(["--port", &self.port.to_string()])
            .args(["--storage", &self.storage])
            .args(["--client-token", CLIENT_TOKEN])
            .envs(
                self.setup
                    .variables
                    .iter()
                    .map(|(name, value)| (*name, value)),
            )
            .current_dir(&self.folder);
        if self.setup.has_history {
            command.arg("--history").arg(self.folder.join("history.db"));
        }
        if self.setup.has_tls {
            command.args(["--plain-port", &self.plain_port.to_string()]);
        }
        if self.setup.meddling {
            command.arg("--meddle");
        }
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

    /// Where workers find it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.setup.has_tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Where clients find it.
    pub(super) fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plain_port)
    }

    /// Everything it printed.
    pub(crate) fn output(&self) -> String {
        self.process
            .as_ref()
            .map(Process::output)
            .unwrap_or_default()
    }
}
