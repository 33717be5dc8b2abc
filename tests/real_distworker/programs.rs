//! Programs that use the package.

use std::future::Future;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that ends with its test.
pub(crate) struct Program(pub(crate) Child);

impl Program {
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let python = project.join(".venv-distworker/bin/python");
        assert!(
            python.exists(),
            "{} is missing: run `./test`, which installs what the end-to-end tests need",
            python.display()
        );
        let child = Command::new(python)
            .arg(project.join("tests/real").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fails after a minute: Python starts slowly beside a build.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), happens)
        .await
        .unwrap_or_else(|_| panic!("it did not happen: {what}"))
}
