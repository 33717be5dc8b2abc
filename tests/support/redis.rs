//! A Redis server of one test.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpStream;

use super::process::Process;
use super::{HINT, eventually, free_port, json};

/// A running server that keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    _process: Process,
}

impl Redis {
    /// Starts a server; it answers when this returns.
    pub(crate) async fn start(folder: &Path) -> Self {
        let found = Command::new("redis-server").arg("--version").output();
        assert!(found.is_ok(), "redis-server is missing: {HINT}");
        let port = free_port();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .current_dir(folder);
        let process = Process::start("redis-server", &mut command, folder.join("redis.log"));
        eventually(
            "redis-server answers",
            Duration::from_secs(10),
            || async move {
                TcpStream::connect(("127.0.0.1", port))
                    .await
                    .map_err(|error| json!(error.to_string()))
            },
        )
        .await;
        Self {
            port,
            _process: process,
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}
