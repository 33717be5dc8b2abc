//! Files that parameters may name.

use std::os::unix::fs::symlink;

use super::*;

fn file(files: &TaskFiles, path: &str) -> Option<TaskFile> {
    let text = RawJson::from_serialize(path).unwrap();
    files.reading(|| text.parse()).ok()
}

fn folder(files: &TaskFiles, path: &str) -> Option<TaskFolder> {
    let text = RawJson::from_serialize(path).unwrap();
    files.reading(|| text.parse()).ok()
}

#[test]
fn what_is_in_the_folder_can_be_named_and_nothing_else() {
    let disk = tempfile::tempdir().unwrap();
    let root = start(&disk.path().join("tasks"));
    let (files, others) = (of(&root, "t1"), of(&root, "t2"));
    assert_eq!(file(&files, "a.txt"), None, "there is no folder yet");
    let ours = files.write_now("sub/a.txt", "x").unwrap();
    let theirs = others.write_now("b.txt", "x").unwrap();
    let outside = disk.path().join("c.txt");
    std::fs::write(&outside, "x").unwrap();
    let at = files.folder().unwrap().to_owned();
    symlink(&outside, at.join("out")).unwrap();
    symlink("sub/a.txt", at.join("in")).unwrap();
    symlink(disk.path(), at.join("up")).unwrap();

    let ours = ours.canonicalize().unwrap();
    for name in [ours.to_str().unwrap(), "sub/a.txt", "in"] {
        assert_eq!(file(&files, name).as_deref(), Some(&*ours), "{name}");
    }
    assert_eq!(folder(&files, "sub").as_deref(), ours.parent());
    let winding = at.join("sub/../sub/a.txt");
    assert_eq!(
        file(&files, winding.to_str().unwrap()).as_deref(),
        Some(&*ours)
    );

    let around = at.join("../../../c.txt");
    for path in [
        &theirs,
        &outside,
        &around,
        &at.join("out"),
        &at.join("up/c.txt"),
    ] {
        let path = path.to_str().unwrap();
        assert_eq!(
            (file(&files, path), folder(&files, path)),
            (None, None),
            "{path}"
        );
    }
    for name in [
        "",
        ".",
        "..",
        "out",
        "up",
        "none",
        "sub/../sub/a.txt",
        "a\0",
    ] {
        assert_eq!(
            (file(&files, name), folder(&files, name)),
            (None, None),
            "{name:?}"
        );
    }
    assert_eq!(file(&files, "sub"), None, "a folder");
    assert_eq!(folder(&files, "in"), None, "a file");
    assert_eq!(folder(&files, at.to_str().unwrap()), None, "all of it");
}

#[test]
fn it_counts_for_the_parameters_of_that_task_only() {
    let disk = tempfile::tempdir().unwrap();
    let root = start(disk.path());
    let files = of(&root, "t1");
    files.write_now("a.txt", "x").unwrap();
    let text = RawJson::from_serialize("a.txt").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        files.reading(|| panic!("while it is read"));
    }));
    assert!(panicked.is_err());
    assert!(text.parse::<TaskFile>().is_err());
    let other = of(&root, "t2");
    let inner = files.reading(|| (file(&other, "a.txt"), text.parse::<TaskFile>().is_ok()));
    assert_eq!(inner, (None, true));
}
