//! The network between the worker and its orchestrator.

use std::process::{Child, Command, Stdio};

use axon_worker::dev::{DevOrchestrator, Endpoint, JobSpec, JobState};
use serde_json::json;

use crate::stage::{Stage, free_port, run, text, tool};
use crate::until::until;

/// nginx before an orchestrator, which gives up on answers that take too long.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    fn start(to: u16, seconds: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let at = text(folder.path());
        let settings = format!(
            "worker_processes 1; daemon off; pid {at}/pid; error_log {at}/error.log;
             events {{ worker_connections 64; }}
             http {{
                 access_log {at}/access.log;
                 client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;
                 fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{
                         proxy_pass http://127.0.0.1:{to};
                         proxy_http_version 1.1;
                         proxy_read_timeout {seconds}s;
                     }}
                 }}
             }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, settings).unwrap();
        let child = Command::new(tool("nginx"))
            .args(["-c", &text(&file), "-e", "stderr"])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        Self {
            child,
            folder,
            port,
        }
    }

    /// How many answers had this status.
    fn answers(&self, status: u16) -> usize {
        let log = self.folder.path().join("access.log");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        log.matches(&format!("\" {status} ")).count()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        run("kill", &["-s", "TERM", &id]);
        let _ = self.child.wait();
    }
}

#[actix_rt::test]
async fn a_proxy_that_cuts_polls_keeps_no_task_away() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let nginx = Nginx::start(orchestrator.port(), 1);
    let stage = Stage::at(&format!("http://127.0.0.1:{}", nginx.port));
    let _worker = stage.start();
    stage.ready(200).await;
    let registrations = orchestrator.request_count(Endpoint::Register);
    for cut in 1..=5 {
        until("polls are cut", || nginx.answers(504) >= cut).await;
        let job = orchestrator.submit(JobSpec::task("noop", json!({}))).await;
        assert_eq!(job.unwrap().finished().await.state, JobState::Finished);
        stage.ready(200).await;
    }
    // Cut polls are no failures: it had no reason to register again.
    assert_eq!(
        orchestrator.request_count(Endpoint::Register),
        registrations,
        "{}",
        stage.log()
    );
}

/// A network of its own, with a name that has two addresses, the first of which answers
/// nothing.
struct Namespace(String);

impl Namespace {
    fn new(name: &str, hosts: &str) -> Self {
        let folder = format!("/etc/netns/{name}");
        std::fs::create_dir_all(&folder).expect("this case needs root");
        std::fs::write(format!("{folder}/hosts"), hosts).unwrap();
        let made = Self(name.to_owned());
        run("ip", &["netns", "add", name]);
        made.run(&["ip", "link", "set", "lo", "up"]);
        // Nobody at the other end has an address, so nothing answers.
        made.run(&[
            "ip", "link", "add", "silent", "type", "veth", "peer", "name", "end",
        ]);
        made.run(&["ip", "link", "set", "end", "up"]);
        made.run(&["ip", "address", "add", "10.9.9.1/24", "dev", "silent"]);
        made.run(&["ip", "link", "set", "silent", "up"]);
        made
    }

    fn run(&self, command: &[&str]) {
        let mut all = vec!["netns", "exec", &self.0];
        all.extend(command);
        run("ip", &all);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        run("ip", &["netns", "delete", &self.0]);
        let _ = std::fs::remove_dir_all(format!("/etc/netns/{}", self.0));
    }
}

#[actix_rt::test]
async fn a_name_whose_first_address_swallows_connections_is_reached() {
    let name = format!("axon-{}", std::process::id());
    let network = Namespace::new(
        &name,
        "10.9.9.9 orchestrator\n127.0.0.1 orchestrator localhost\n",
    );
    let inside = ["ip", "netns", "exec", &network.0];
    // The orchestrator is in there as well, and so is whoever submits the job.
    let stage = Stage::at("http://orchestrator:19080").with("WORKER_TOKEN", "secret");
    let mut dev = Command::new(tool("ip"));
    dev.args([
        "netns",
        "exec",
        &network.0,
        env!("CARGO_BIN_EXE_axon-worker"),
    ])
    .args(["dev", "--port", "19080", "--token", "secret"])
    .stdout(Stdio::null())
    .stderr(Stdio::null());
    let mut dev = dev.spawn().expect("the orchestrator starts");
    let _worker = stage.start_by(&inside);
    stage.says("registered").await;

    let submitted = Command::new(tool("ip"))
        .args([
            "netns",
            "exec",
            &network.0,
            env!("CARGO_BIN_EXE_axon-worker"),
        ])
        .args([
            "submit",
            "noop",
            "--url",
            "http://127.0.0.1:19080",
            "--wait",
        ])
        .output()
        .expect("it runs");
    let _ = dev.kill();
    let _ = dev.wait();
    assert!(submitted.status.success(), "{submitted:?}\n{}", stage.log());
}
