//! The worker under test, and the tools that cases need.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axon_worker::dev::DevOrchestrator;

use crate::example;
use crate::until::until;

/// Longer than a busy machine takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A folder, a port and an environment for one worker, which may be started several times.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    variables: Vec<(String, String)>,
}

impl Stage {
    /// For a worker of this orchestrator.
    pub(crate) fn new(orchestrator: &DevOrchestrator) -> Self {
        Self::at(&orchestrator.url())
    }

    /// For a worker whose orchestrator has this address.
    pub(crate) fn at(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let variables = [
            ("ORCHESTRATOR_URL", url.to_owned()),
            ("WORKER_ID", "field".to_owned()),
            ("WORKER_PORT", port.to_string()),
            ("TASK_FILES_DIR", text(&folder.path().join("files"))),
            ("STATE_DIRECTORY", text(&folder.path().join("state"))),
            ("NO_COLOR", "1".to_owned()),
            // The development orchestrator notices that the clients of polls are gone.
            ("TASK_POLL_TIMEOUT", "0.1".to_owned()),
            ("AXON_DRAIN_POLL_WAIT", "0.1".to_owned()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Self {
            folder,
            port,
            variables: variables.into(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the worker with its log in a file.
    pub(crate) fn start(&self) -> Worker {
        self.start_by(&[])
    }

    /// Starts it as the last argument of another program.
    pub(crate) fn start_by(&self, program: &[&str]) -> Worker {
        let mut command = self.command(program);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let log = log.expect("a log");
        command.stdout(log.try_clone().expect("the same file"));
        command.stderr(log);
        Worker(command.spawn().expect("the worker starts"))
    }

    /// Starts it with an end of a pipe as its output that is never read.
    pub(crate) fn start_unread(&self) -> Worker {
        let mut command = self.command(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Worker(command.spawn().expect("the worker starts"))
    }

    fn command(&self, program: &[&str]) -> Command {
        let worker = example::program("conformance");
        let mut command = match program {
            [] => Command::new(worker),
            [first, rest @ ..] => {
                let mut command = Command::new(tool(first));
                command.args(rest).arg(worker);
                command
            }
        };
        command.env_clear().envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits for a line of the log that has this in it.
    pub(crate) async fn says(&self, words: &str) {
        until(words, || self.log().contains(words)).await;
    }

    /// What the health server answers: the status and the text.
    pub(crate) async fn asks(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = awc::Client::default().get(url).timeout(LONG);
        let mut answer = request.send().await.ok()?;
        let body = answer.body().await.ok()?;
        Some((
            answer.status().as_u16(),
            String::from_utf8_lossy(&body).into_owned(),
        ))
    }

    /// Waits until `/ready` answers with this status. Returns what it says.
    pub(crate) async fn ready(&self, status: u16) -> String {
        let began = std::time::Instant::now();
        loop {
            let answer = self.asks("/ready").await;
            if let Some((found, text)) = &answer
                && *found == status
            {
                return text.clone();
            }
            assert!(
                began.elapsed() < LONG,
                "not {status}: {answer:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A process, which ends with the test.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        run("kill", &["-s", name, &id]);
    }

    /// Waits for its end. Returns the exit code, or the signal as a negative number.
    pub(crate) async fn ended(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;

        let mut status = None;
        until("the worker ends", || {
            status = self.0.try_wait().expect("its status");
            status.is_some()
        })
        .await;
        let status = status.expect("it was there");
        status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or_default())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of a program that a case needs.
///
/// # Panics
/// When it is not there.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders
        .find_map(|folder| {
            let program = Path::new(folder).join(name);
            program.is_file().then_some(program)
        })
        .unwrap_or_else(|| {
            panic!("this case needs the program {name}: run `./test`, which installs it")
        })
}

/// Runs a program that has to succeed.
pub(crate) fn run(name: &str, arguments: &[&str]) {
    let output = Command::new(tool(name)).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}
