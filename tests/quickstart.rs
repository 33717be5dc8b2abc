//! The example `quickstart`, run as a newcomer runs it: as a program of its own,
//! somewhere, with whatever is in the environment.

use std::path::Path;
use std::process::{Command, Output};

use image::{Rgb, RgbImage};

#[path = "support/example.rs"]
mod example;

/// Runs it with settings in the environment that would break any worker.
fn quickstart(folder: &Path, args: &[&str]) -> Output {
    Command::new(example::program("quickstart"))
        .args(args)
        .current_dir(folder)
        .env("WORKER_ID", "not an identifier")
        .env("ORCHESTRATOR_URL", "http://127.0.0.1:1")
        .env("ORCHESTRATORS_CONFIG", "{")
        .env("AXON_WORKER_CONFIG", "/does/not/exist.toml")
        .env("MAX_CONCURRENT_TASKS", "none")
        .output()
        .expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("plain text")
}

/// Runs it and expects it to do what it was asked.
fn works(folder: &Path, args: &[&str]) -> String {
    let output = quickstart(folder, args);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{args:?}\n{stdout}\n{stderr}"
    );
    assert_eq!(stderr, "", "no bar and no warnings without a terminal");
    stdout
}

/// Runs it and expects it to refuse its arguments; returns why.
fn refuses(folder: &Path, args: &[&str]) -> String {
    let output = quickstart(folder, args);
    let stderr = text(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{args:?}: {stderr}"
    );
    assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    stderr
}

/// A picture with a bright left half, as a file.
fn photo(folder: &Path, name: &str) -> String {
    let picture = RgbImage::from_fn(120, 60, |x, _| Rgb([if x < 60 { 200 } else { 20 }; 3]));
    let path = folder.join(name);
    picture.save(&path).expect("a picture is written");
    path.display().to_string()
}

#[test]
fn without_arguments_a_picture_is_made_and_processed() {
    let folder = tempfile::tempdir().unwrap();
    let stdout = works(folder.path(), &[]);
    let picture = image::open(folder.path().join("target/quickstart/output.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (800, 600));
    for expected in [
        "resize_image",
        "800x600 from 1600x1200",
        "apply_filters",
        "sharpen, contrast: ",
        "INVALID_INPUT_ERROR: field `filters[0]`: unknown variant `sparkle`",
        "0 results unsent",
        "output: target/quickstart/output.png",
    ] {
        assert!(stdout.contains(expected), "{expected:?} in\n{stdout}");
    }
}

#[test]
fn a_given_picture_is_cut_resized_and_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let input = photo(folder.path(), "photo.jpg");
    let args = [
        "--width",
        "30",
        "--height=30",
        "--filters",
        "invert",
        "--output",
        "new/out.png",
    ];
    works(folder.path(), &[&args[..], &[input.as_str()]].concat());
    let picture = image::open(folder.path().join("new/out.png"))
        .unwrap()
        .into_rgb8();
    assert_eq!(picture.dimensions(), (30, 30));
    let (left, right) = (picture.get_pixel(2, 15)[0], picture.get_pixel(27, 15)[0]);
    assert!((50..=60).contains(&left), "200 inverted: {left}");
    assert!((230..=240).contains(&right), "20 inverted: {right}");
}

#[test]
fn the_output_may_be_a_jpeg_and_larger_than_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let input = photo(folder.path(), "photo.png");
    let args = [
        "--width=200",
        "--height=150",
        "--filters=blur,grayscale",
        "--output=out.JPG",
    ];
    works(folder.path(), &[&[input.as_str()], &args[..]].concat());
    let picture = image::open(folder.path().join("out.JPG")).unwrap();
    assert_eq!((picture.width(), picture.height()), (200, 150));
}

#[test]
fn wrong_arguments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (
            &["--width", "0"][..],
            "--width: expected a whole number from 1 to 16384, got \"0\"",
        ),
        (&["--height", "ten"], "--height: expected a whole number"),
        (&["--width", "99999"], "got \"99999\""),
        (&["--width"], "--width needs a value"),
        (
            &["--filters", "sharpen,sparkle"],
            "no filter is called \"sparkle\", expected sharpen",
        ),
        (
            &["--output", "out.txt"],
            "expected a .png, .jpg or .jpeg file",
        ),
        (&["--colour", "red"], "unknown option \"--colour\""),
        (&["a.png", "b.png"], "a second input \"b.png\""),
        (&["missing.png"], "cannot read missing.png: No such file"),
    ] {
        let stderr = refuses(folder.path(), args);
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is written");
}

#[test]
fn a_file_that_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("notes.png");
    std::fs::write(&input, "no picture at all").unwrap();
    let stderr = refuses(folder.path(), &[input.to_str().unwrap()]);
    assert!(stderr.contains("is no PNG or JPEG picture"), "{stderr}");
}

#[test]
fn a_picture_that_ends_too_early_fails_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let input = photo(folder.path(), "cut.png");
    let whole = std::fs::read(&input).unwrap();
    std::fs::write(&input, &whole[..whole.len() / 2]).unwrap();
    let stderr = refuses(folder.path(), &[&input]);
    assert!(stderr.contains("the job ended as Failed"), "{stderr}");
    assert!(!folder.path().join("target").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = photo(folder.path(), "photo.png");
    // A file where a folder is needed.
    let output = format!("{input}/out.png");
    let stderr = refuses(
        folder.path(),
        &[&input, "--width=9", "--height=9", "--output", &output],
    );
    assert!(stderr.contains(&output), "{stderr}");
}

#[test]
fn help_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = quickstart(folder.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("--filters"));
}
