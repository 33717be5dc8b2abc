//! The program, run to its end, and what it said.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The token of the development orchestrator, unless a test says otherwise.
pub const TOKEN: &str = "your-secret-worker-token";

/// A run that is being prepared. Nothing of the environment of the tests gets in.
pub struct Program {
    command: Command,
    input: Option<&'static str>,
}

/// What came of it.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axon-worker"));
    command.env_clear();
    command
}

impl Program {
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = command();
        command.args(arguments);
        Self {
            command,
            input: None,
        }
    }

    /// `check` of a worker at this orchestrator whose folders are in `folder`.
    pub fn check(url: &str, folder: &Path) -> Self {
        Self::new(&["check"])
            .env("ORCHESTRATOR_URL", url)
            .env("WORKER_TOKEN", TOKEN)
            .env("WORKER_ID", "doctor")
            .env("WORKER_PORT", "0")
            .env("TASK_FILES_DIR", folder.join("files").to_str().unwrap())
            .env("STATE_DIRECTORY", folder.join("state").to_str().unwrap())
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn input(mut self, text: &'static str) -> Self {
        self.input = Some(text);
        self
    }

    pub fn run(mut self) -> Run {
        let input = match self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        let mut child = self
            .command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        if let Some(text) = self.input {
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(text.as_bytes()).unwrap();
        }
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The same with `--json`.
    pub fn report(self) -> Report {
        let run = self.arg("--json").run();
        let json = serde_json::from_str(&run.stdout);
        Report {
            json: json.unwrap_or_else(|error| panic!("{error}: {run:?}")),
            code: run.code,
        }
    }
}

/// What `check --json` said.
pub struct Report {
    pub code: Option<i32>,
    pub json: Value,
}

/// The settings would fill pages.
impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:#}", self.code, self.json["checks"])
    }
}

impl Report {
    /// The line of a check of the first thing whose name begins like this.
    #[track_caller]
    pub fn line(&self, subject: &str, check: &str) -> &Value {
        let lines = self.json["checks"].as_array().expect("checks");
        let fits = |line: &&Value| {
            let named = line["subject"].as_str().unwrap().starts_with(subject);
            named && line["check"] == check
        };
        lines
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("no {check} of {subject}: {:#}", self.json["checks"]))
    }

    /// That line has this verdict and says this.
    #[track_caller]
    pub fn says(&self, subject: &str, check: &str, verdict: &str, text: &str) {
        let line = self.line(subject, check);
        assert_eq!(line["verdict"], verdict, "{line:#}");
        let told = line["text"].as_str().unwrap();
        assert!(told.contains(text), "{told:?} should say {text:?}");
        assert_eq!(line["hint"].is_string(), verdict != "ok", "{line:#}");
    }

    /// All checks with this verdict, as `subject check`.
    pub fn with(&self, verdict: &str) -> Vec<String> {
        let lines = self.json["checks"].as_array().expect("checks");
        let lines = lines.iter().filter(|line| line["verdict"] == verdict);
        lines
            .map(|line| {
                let subject = line["subject"].as_str().unwrap();
                let kind = subject.split(' ').next().unwrap();
                format!("{kind} {}", line["check"].as_str().unwrap())
            })
            .collect()
    }

    /// A setting, by its variable: its value and where that comes from.
    #[track_caller]
    pub fn setting(&self, variable: &str) -> (&str, &str) {
        let settings = self.json["settings"].as_array().expect("settings");
        let setting = settings.iter().find(|it| it["variable"] == variable);
        let setting = setting.unwrap_or_else(|| panic!("no {variable}"));
        (
            setting["value"].as_str().unwrap(),
            setting["origin"]["kind"].as_str().unwrap(),
        )
    }
}
