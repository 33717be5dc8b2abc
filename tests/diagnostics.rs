//! What the compiler says of mistakes in handlers. It is asked directly, with the library
//! that this test was built with, so nothing is built but one small file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What stands in the source where an error points to, and what the error says.
const MISTAKES: &[(&str, &str)] = &[
    (
        "no_deserialize",
        "`Formless` cannot be read from the parameters of a task",
    ),
    ("no_deserialize", "derive `serde::Deserialize` for it"),
    (
        "context_first",
        "`TaskContext` cannot be read from the parameters of a task",
    ),
    (
        "context_first",
        "the parameters are the first argument of a handler; `TaskContext` and the like come after",
    ),
    (
        "wrong_second",
        "`u32` cannot be an argument of a task handler",
    ),
    ("no_argument", "cannot be registered as a task handler"),
    ("no_argument", "functions take the parameters first"),
    (
        "not_validated",
        "`Valid<String>` cannot be read from the parameters of a task",
    ),
    ("not_validated", "it needs `garde::Validate` as well"),
    ("no_result", "a task handler cannot return `u32`"),
    ("no_result", "it returns `Result<T, TaskError>`"),
    (
        "no_serialize",
        "where `T` implements `serde::Serialize` or is `Reply`",
    ),
    (
        "blocking(is_async)",
        "an async function is registered as it is",
    ),
    (
        "blocking(wrong_second_on_a_thread)",
        "`u32` cannot be an argument of a task handler",
    ),
    (
        "type Params = Formless",
        "`Formless` cannot be read from the parameters of a task",
    ),
    ("\"a string\"", "cannot be registered as a task handler"),
];

#[test]
fn mistakes_in_handlers_are_told_with_their_place_and_a_way_out() {
    let told = told_of("tests/diagnostics/mistakes.rs");
    let errors: Vec<_> = told.split("\nerror").collect();
    for (place, text) in MISTAKES {
        let found = errors.iter().any(|error| {
            let points = error
                .lines()
                .any(|line| line.contains(" | ") && line.contains(place));
            points && error.contains(text)
        });
        assert!(found, "{place}: {text:?} is missing in\n{told}");
    }
    for other in ["actix_web", "DeserializeOwned", "for<'de>"] {
        assert!(!told.contains(other), "{other} in\n{told}");
    }
}

/// Compiles a file that does not compile, and returns what the compiler says of it.
fn told_of(file: &str) -> String {
    let libraries = libraries();
    assert!(!libraries.is_empty(), "the library was built");
    for library in &libraries {
        let told = compile(file, library);
        // One that was built with fewer features, for something else.
        if !told.contains("error[E0432]") {
            return told;
        }
    }
    panic!("no library has all features: {libraries:?}");
}

fn compile(file: &str, library: &Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let dependencies = library.parent().expect("it is in a folder");
    let output = Command::new(compiler)
        .args([
            "--edition",
            "2024",
            "--emit",
            "metadata",
            "--error-format",
            "human",
        ])
        .arg("--out-dir")
        .arg(folder.path())
        .arg("--extern")
        .arg(format!("axon_worker={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", dependencies.display()))
        .arg(file)
        .output()
        .expect("the compiler starts");
    assert!(!output.status.success(), "it compiles");
    String::from_utf8(output.stderr).expect("plain text")
}

/// The builds of the library beside this test, the newest first.
fn libraries() -> Vec<PathBuf> {
    let program = std::env::current_exe().expect("a path");
    let folder = program.parent().expect("it is in a folder");
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let path = entry.path();
        let is_library = path.extension().is_some_and(|it| it == "rlib");
        let name = entry.file_name();
        if is_library && name.to_string_lossy().starts_with("libaxon_worker-") {
            let built = entry.metadata().and_then(|it| it.modified());
            found.push((built.expect("a time"), path));
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}
