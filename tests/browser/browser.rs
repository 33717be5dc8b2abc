//! A Chromium without a window, for one test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::devtools::DevTools;
use crate::page::Page;

/// What it is called, by distribution.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const START: Duration = Duration::from_mins(1);

/// The same window and fonts for everybody, and no word to anybody but the page.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en-GB",
    "--remote-debugging-port=0",
];

/// A running browser. Ends with the value.
pub struct Browser {
    tools: Rc<DevTools>,
    process: Child,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(program())
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // The browser has children of its own, which end with the group.
            .process_group(0)
            .spawn()
            .expect("the browser starts");
        let told = listen(process.stderr.take().expect("a pipe"));
        let address = tokio::time::timeout(START, told)
            .await
            .expect("the browser says where it listens, in time")
            .expect("the browser says where it listens before it ends");
        let tools = DevTools::connect(&address).await;
        Self {
            tools,
            process,
            _profile: profile,
        }
    }

    /// A fresh page that shows nothing yet.
    pub async fn page(&self) -> Page {
        let target = json!({ "url": "about:blank" });
        let made = self.tools.call(None, "Target.createTarget", target).await;
        let target = json!({ "targetId": made["targetId"], "flatten": true });
        let joined = self.tools.call(None, "Target.attachToTarget", target).await;
        let session = joined["sessionId"].as_str().expect("a session").to_owned();
        Page::new(self.tools.clone(), session).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "Chromium is missing, as {}: run `./test`, which installs it as root, or install it, \
             for example with `apt-get install chromium fonts-dejavu-core`",
            NAMES.join(", ")
        )
    })
}

/// Reads what the browser prints, to its end, and tells where it can be reached.
fn listen(output: ChildStderr) -> oneshot::Receiver<String> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let address = line.strip_prefix("DevTools listening on ");
            if let Some((address, tell)) = address.and_then(|it| Some((it, tell.take()?))) {
                let _ = tell.send(address.to_owned());
            }
        }
    });
    told
}
