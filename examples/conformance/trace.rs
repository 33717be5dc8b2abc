//! A log of what handlers did, for tests that kill the worker and count afterwards.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

use axon_worker::{FromTask, TaskContext, TaskError};

/// Names the file; without it nothing is written.
const FILE: &str = "AXON_CONFORMANCE_LOG";

/// As an argument of a handler: one line when the handler begins and one when it
/// ends, however it ends. Lines of several processes may go into one file.
pub struct Trace(Option<(&'static File, String)>);

impl FromTask for Trace {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        let process = std::process::id();
        let (name, id, job) = (task.name(), task.task_id(), task.job_id());
        let trace = Self(file().map(|file| (file, format!("{process} {name} {id} {job}\n"))));
        trace.write("begin");
        Ok(trace)
    }
}

impl Trace {
    fn write(&self, what: &str) {
        if let Some((mut file, line)) = self.0.as_ref().map(|(file, line)| (*file, line)) {
            // One call, appended as a whole; a log that cannot be written shows by its absence.
            let _ = file.write_all(format!("{what} {line}").as_bytes());
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.write("end");
    }
}

fn file() -> Option<&'static File> {
    static OPENED: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let path = std::env::var_os(FILE)?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        Some(file.expect("the file that AXON_CONFORMANCE_LOG names can be written"))
    };
    OPENED.get_or_init(open).as_ref()
}
