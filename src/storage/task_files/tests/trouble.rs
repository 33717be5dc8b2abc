//! A folder that is not ours, disks that fail, and errors that say where.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::id::TaskId;
use crate::storage::{ResourceFault, StorageError};

const SOON: Duration = Duration::from_secs(20);

fn set_mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[actix_rt::test]
async fn folders_and_files_are_for_our_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("payloads");
    let files = of(&start(&root), "t1");
    let written = files.write("sub/a", "x").await.unwrap();
    let made = files.path_to("b").await.unwrap();
    drop(files.create("b").await.unwrap());
    for file in [
        &written,
        &made,
        &files.folder().unwrap().with_file_name("owner.lock"),
    ] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let folders = written.parent().unwrap().ancestors();
    for folder in folders.take_while(|folder| *folder != dir.path()) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[actix_rt::test]
async fn a_root_that_others_may_write_into_is_refused_by_its_path() {
    let root = tempfile::tempdir().unwrap();
    // What somebody may have put there for a worker of our name.
    let planted = claim::Claim::make(root.path(), &owner()).unwrap().folder;
    fs::create_dir(planted.join("1-kept")).unwrap();
    set_mode(root.path(), 0o777);
    let keep = [TaskId::from("kept")];
    let (all, adopted) = FilesRoot::start(root.path(), owner(), None, &keep);
    all.settled(SOON).await;
    assert!(adopted.is_empty());
    assert!(planted.join("1-kept").is_dir(), "left alone");
    let files = of(&all, "t1");
    for _ in 0..2 {
        let error = files.write("a", "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(ResourceFault::of(&error), Some(ResourceFault::NoPermission));
        let told = error.to_string();
        assert!(told.starts_with(root.path().to_str().unwrap()), "{told}");
        assert!(told.contains("others may write"), "{told}");
    }
    // Twice at the start, and with each file.
    assert_eq!(all.trouble().in_a_row(), 4);
    set_mode(root.path(), 0o700);
    files.write("a", "x").await.unwrap();
    assert_eq!(all.trouble().in_a_row(), 0);
}

#[actix_rt::test]
async fn a_root_that_was_removed_meanwhile_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("payloads");
    let all = start(&root);
    let first = of(&all, "t1").write("a", "x").await.unwrap();
    all.settled(SOON).await;
    fs::remove_dir_all(&root).unwrap();
    let second = of(&all, "t2");
    let path = second.write("a", "y").await.unwrap();
    assert_ne!(first.ancestors().nth(2), path.ancestors().nth(2));
    // It is held, as the one before was.
    assert!(claim::abandoned(&root, &owner()).is_empty());
    assert_eq!(mode(&root), 0o700);
}

#[test]
fn errors_of_files_say_which() {
    let dir = tempfile::tempdir().unwrap();
    let files = of(&start(dir.path()), "t1");
    let missing = files.read_now("none").unwrap_err();
    assert!(missing.to_string().starts_with("none: "), "{missing}");

    let path = files.write_now("a", "not JSON").unwrap();
    let folder = files.path_to_now("folder/b").unwrap();
    let folder = folder.parent().unwrap();
    let errors = [
        (
            files.read_now("none").unwrap_err(),
            path.with_file_name("none"),
        ),
        (files.read_now("folder").unwrap_err(), folder.to_owned()),
        (
            files.write_now("folder", "x").unwrap_err(),
            folder.to_owned(),
        ),
        (files.create_now("folder").unwrap_err(), folder.to_owned()),
        (
            files.open_now("none").unwrap_err(),
            path.with_file_name("none"),
        ),
        (files.list_in_now("a").unwrap_err(), path.clone()),
        (files.path_to_now("a/b").unwrap_err(), path.clone()),
        (files.read_json_now::<Value>("a").unwrap_err(), "a".into()),
    ];
    for (error, path) in errors {
        let begins = format!("{}: ", path.display());
        assert!(error.to_string().starts_with(&begins), "{error}");
        let once = error.to_string().matches(path.to_str().unwrap()).count();
        assert!(once == 1 || path == Path::new("a"), "{error}");
    }

    // The same below a root that cannot be made.
    fs::write(dir.path().join("file"), "").unwrap();
    let root = dir.path().join("file/payloads");
    let error = of(&start(&root), "t1").write_now("a", "x").unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with(&format!("{}: ", root.display())), "{told}");
    let error = StorageError::io("a")(error);
    assert_eq!(error.to_string(), told, "not the name as well");
}
