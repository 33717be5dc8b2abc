//! A real S3 server, moto, as a process. It wants to see a signature, but does not look
//! at it; what workers send is checked elsewhere.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use awc::http::StatusCode;

use super::process::Process;
use super::{HINT, Value, WorkerSetup, eventually, free_port, project};

/// The one bucket there is.
pub(crate) const BUCKET: &str = "e2e-payloads";

const ANY_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, \
    SignedHeaders=host, Signature=any";

/// A server with an empty bucket; gone with all its content when it is dropped.
#[derive(Debug)]
pub(crate) struct S3 {
    port: u16,
    _process: Process,
}

impl S3 {
    /// Starts it; it answers when this returns.
    pub(crate) async fn start(folder: &Path) -> Self {
        let program = project().join(".venv-s3/bin/moto_server");
        assert!(program.exists(), "{} is missing: {HINT}", program.display());
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut process = Process::start("S3 server", &mut command, folder.join("s3.log"));
        eventually("the S3 server answers", Duration::from_mins(1), || {
            let ended = process.ended();
            assert!(ended.is_none(), "S3: {ended:?}\n{}", process.output());
            async move {
                let bucket = client().put(url(port, "")).send().await;
                let made = bucket.is_ok_and(|answer| answer.status().is_success());
                made.then_some(()).ok_or(Value::Null)
            }
        })
        .await;
        Self {
            port,
            _process: process,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What a worker needs to know to reach it there.
    pub(crate) fn known_to(worker: WorkerSetup, endpoint: &str) -> WorkerSetup {
        worker
            .set("S3_ENDPOINT_URL", endpoint)
            .set("S3_ACCESS_KEY", "e2e-access-key")
            .set("S3_SECRET_KEY", "e2e-secret-key")
            .set("S3_DEFAULT_BUCKET", BUCKET)
    }

    /// The address of the server itself.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts an object into the bucket; its `s3://` text.
    pub(crate) async fn put(&self, key: &str, content: &[u8]) -> String {
        let request = client().put(url(self.port, key));
        let answer = request.send_body(content.to_vec()).await;
        let status = answer.expect("an answer").status();
        assert!(status.is_success(), "{key}: {status}");
        format!("s3://{BUCKET}/{key}")
    }

    /// What an `s3://` text names, as text.
    pub(crate) async fn content(&self, uri: &str) -> Option<String> {
        let key = uri.strip_prefix(&format!("s3://{BUCKET}/"))?;
        let mut answer = client().get(url(self.port, key)).send().await.ok()?;
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert!(answer.status().is_success(), "{uri}: {}", answer.status());
        let body = answer.body().limit(64 << 20).await.expect("the object");
        Some(String::from_utf8(body.to_vec()).expect("a text"))
    }

    /// The objects below a prefix, in order.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = format!("?list-type=2&prefix={prefix}");
        let mut answer = client().get(url(self.port, &list)).send().await.unwrap();
        let xml = answer.body().await.expect("a list").to_vec();
        let xml = String::from_utf8(xml).expect("a text");
        let keys = xml.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().unwrap_or_default().to_owned())
            .collect()
    }
}

fn url(port: u16, key: &str) -> String {
    format!("http://127.0.0.1:{port}/{BUCKET}/{key}")
}

fn client() -> awc::Client {
    awc::Client::builder()
        .timeout(Duration::from_secs(20))
        .add_default_header(("Authorization", ANY_SIGNATURE))
        .finish()
}
