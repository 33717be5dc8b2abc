//! What has to be on a machine: our example `hello`, stripped, beside the packages of the
//! SDKs, without Python itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::{Context, Scale};
use crate::shared::process::python;
use crate::shared::sheet::{Metric, Sheet};
use crate::side::{Sdk4, Sdk20};

const SIZE: Metric = Metric::new("size", "MiB");
const CASE: &str = "on disk";
/// What a virtual environment brings along, not the SDK.
const TOOLS: [&str; 5] = [
    "pip",
    "setuptools",
    "pkg_resources",
    "_distutils",
    "distutils-pre",
];

pub(super) fn run(context: &Context, sheet: &mut Sheet) -> io::Result<()> {
    let program = std::env::current_exe()?;
    // target/release/deps/compare-...: examples are a folder further up.
    let release = program.parent().and_then(Path::parent);
    let hello = release.map(|folder| folder.join("examples/hello"));
    match hello.filter(|hello| hello.exists()) {
        Some(hello) => sheet.add(CASE, "example hello, stripped", SIZE, stripped(&hello)?),
        None if context.scale == Scale::Trial => {
            sheet.add(CASE, "this bench, stripped", SIZE, stripped(&program)?);
        }
        None => sheet.trouble("build it: cargo build --release --example hello".to_owned()),
    }
    let mut environments = vec![("SDK of DistWorker 0.0.6", ".venv-distworker")];
    let sdks = context.present(&[Sdk4, Sdk20]).into_iter();
    environments.extend(sdks.filter_map(|side| Some((side.name(), side.peer()?.0))));
    for (name, environment) in environments {
        match packages(environment) {
            Some(folder) => sheet.add(CASE, name, SIZE, mebibytes(size_of(&folder)?)),
            None if context.scale == Scale::Trial => {}
            None => sheet.trouble(format!("{environment} is missing: ./bench makes it")),
        }
    }
    Ok(())
}

/// The size of a program without its symbols.
fn stripped(program: &Path) -> io::Result<f64> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .args([&copy, program])
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("strip ended with {status}")));
    }
    Ok(mebibytes(fs::metadata(copy)?.len()))
}

/// Where the packages of a virtual environment are.
fn packages(environment: &str) -> Option<PathBuf> {
    let root = python(&[environment])?.parent()?.parent()?.join("lib");
    let mut versions = fs::read_dir(root).ok()?.filter_map(Result::ok);
    let version = versions.next()?.path();
    Some(version.join("site-packages"))
}

/// All files below a folder, in bytes, without those of the tools that installed them.
fn size_of(folder: &Path) -> io::Result<u64> {
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_tool = TOOLS
            .iter()
            .any(|tool| name.to_string_lossy().starts_with(tool));
        if is_tool {
            continue;
        }
        let kind = entry.file_type()?;
        all += if kind.is_dir() {
            size_of(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "no program is that large")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
