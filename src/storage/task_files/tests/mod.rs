//! Task folders on a real disk.

mod brought;
mod contents;
mod life;
mod names;
mod trouble;

use std::path::Path;

use super::*;
use crate::RawJson;
use crate::id::OrchestratorId;
use crate::task::{Cancellation, Task};

fn owner() -> Owner {
    Owner {
        worker: "w".to_owned(),
        host: "here".to_owned(),
    }
}

fn start(root: &Path) -> FilesRoot {
    FilesRoot::start(root, owner(), None, &[]).0
}

fn of(root: &FilesRoot, id: &str) -> TaskFiles {
    let params = RawJson::empty_object();
    let task = Task::new(OrchestratorId(0), id, "job", "name", params);
    root.of_task(&task, &Cancellation::new())
}

/// What is below a folder, folders included, without the lock of the process.
fn below(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            all.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
    all.retain(|path| !path.ends_with(claim::LOCK));
    all.sort();
    all
}
