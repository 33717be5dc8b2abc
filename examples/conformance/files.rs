//! Files: one in and out, a folder in and out.

use std::io;
use std::path::Path;

use axon_worker::{TaskError, TaskFile, TaskFiles, TaskFolder};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::trace::Trace;

#[derive(Deserialize)]
pub struct Input {
    input: TaskFile,
}

#[derive(Deserialize)]
pub struct Folder {
    input: TaskFolder,
}

/// A text in capitals.
pub async fn upper(params: Input, files: TaskFiles, _: Trace) -> Result<Value, TaskError> {
    let text = tokio::fs::read_to_string(&params.input).await?;
    let name = params.input.file_name().unwrap_or_default();
    let name = format!("upper_{}", name.to_string_lossy());
    let upper = text.to_uppercase();
    let size = upper.len();
    let output = files.write(name, upper).await?;
    Ok(json!({ "output": output, "size": size }))
}

/// A folder with all that is in it. Blocks.
pub fn copy(params: Folder, files: TaskFiles, _: Trace) -> Result<Value, TaskError> {
    let output = files.path_to_now("out")?;
    let count = copy_all(&params.input, &output)?;
    Ok(json!({ "output": output, "count": count }))
}

/// Returns how many files there were.
fn copy_all(from: &Path, to: &Path) -> io::Result<u64> {
    std::fs::create_dir_all(to)?;
    let mut count = 0;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            count += copy_all(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
            count += 1;
        }
    }
    Ok(count)
}
