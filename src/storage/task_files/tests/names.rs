//! Names and links: what leads out of the folder, what is a second name of a file.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

#[actix_rt::test]
async fn names_that_lead_out_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.folder().unwrap();
    for name in [
        "",
        "/",
        "/etc/passwd",
        "..",
        ".",
        "./x",
        "../x",
        "a/../../x",
        "a/..",
        "nul\0byte",
        "a/\0",
    ] {
        for refused in [
            files.write(name, "x").await.map(drop),
            files.path_to(name).await.map(drop),
            files.read(name).await.map(drop),
            files.open(name).await.map(drop),
            files.create(name).await.map(drop),
            files.exists(name).await.map(drop),
            files.list_in(name).await.map(drop),
            files.write_now(name, "x").map(drop),
            files.read_now(name).map(drop),
        ] {
            let kind = refused.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::InvalidInput), "{name:?}");
        }
    }
    assert_eq!(files.list().await.unwrap(), [""; 0]);
}

#[actix_rt::test]
async fn links_that_lead_out_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    let files = of(&start(root.path()), "t1");
    let folder = files.folder().unwrap();
    symlink(outside.path(), folder.join("dir")).unwrap();
    symlink(outside.path().join("secret"), folder.join("file")).unwrap();
    symlink(outside.path().join("not-yet"), folder.join("later")).unwrap();
    for name in ["dir/secret", "file", "dir"] {
        assert!(files.read(name).await.is_err(), "{name}");
        assert!(files.open(name).await.is_err(), "{name}");
        assert!(files.exists(name).await.is_err(), "{name}");
    }
    assert!(files.list_in("dir").await.is_err());
    for name in [
        "file",
        "dir/new",
        "dir/sub/new",
        "later",
        "dir",
        "dir/secret",
    ] {
        assert!(files.write(name, "x").await.is_err(), "{name}");
        assert!(files.path_to(name).await.is_err(), "{name}");
        assert!(files.create(name).await.is_err(), "{name}");
    }
    assert_eq!(below(outside.path()), ["secret"]);
    let secret = std::fs::read_to_string(outside.path().join("secret"));
    assert_eq!(secret.unwrap(), "s");
}

#[actix_rt::test]
async fn a_link_inside_is_what_it_stands_for() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.write("a.txt", "a").await.unwrap();
    symlink("a.txt", files.folder().unwrap().join("link")).unwrap();
    assert_eq!(files.read_string("link").await.unwrap(), "a");
    files.write("link", "b").await.unwrap();
    assert_eq!(files.read_string("a.txt").await.unwrap(), "b");
}

#[actix_rt::test]
async fn a_file_with_a_second_name_is_replaced_not_written_to() {
    let root = tempfile::tempdir().unwrap();
    let cached = root.path().join("cached");
    std::fs::write(&cached, "shared").unwrap();
    let files = of(&start(&root.path().join("tasks")), "t1");
    for name in ["a", "b"] {
        std::fs::hard_link(&cached, files.path_to(name).await.unwrap()).unwrap();
    }
    files.write("a", "mine").await.unwrap();
    drop(files.create("b").await.unwrap());
    assert_eq!(files.read_string("a").await.unwrap(), "mine");
    assert_eq!(files.read_string("b").await.unwrap(), "");
    assert_eq!(std::fs::read_to_string(cached).unwrap(), "shared");
}

#[actix_rt::test]
async fn the_root_may_be_a_link_or_a_relative_path() {
    let real = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("link");
    symlink(real.path(), &link).unwrap();
    let files = of(&start(&link), "t1");
    let path = files.write("a.txt", "x").await.unwrap();
    assert!(path.starts_with(&link) && path.is_absolute());
    assert_eq!(files.read("a.txt").await.unwrap(), b"x");
    assert!(files.resolve(&path).is_some());
    assert!(files.resolve(&path.canonicalize().unwrap()).is_some());
}

#[actix_rt::test]
async fn a_second_spelling_of_a_name_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    files.write("Report.txt", "1").await.unwrap();
    files.path_to("caf\u{e9}").await.unwrap();
    for name in ["report.txt", "REPORT.TXT", "report.txt/x"] {
        let error = files.write(name, "2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name}");
        assert!(error.to_string().contains("Report.txt"), "{error}");
    }
    // Nothing is there under the first spelling, so nothing can be overwritten.
    files.write("cafe\u{301}", "2").await.unwrap();
    assert!(files.write("caf\u{e9}", "3").await.is_err());
    files.write("Report.txt", "3").await.unwrap();
    assert_eq!(files.read_string("Report.txt").await.unwrap(), "3");
}

#[test]
fn no_two_tasks_have_one_folder_whatever_their_ids_are() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (start(root.path()), start(root.path()));
    let mut folders = std::collections::HashSet::new();
    let mut all = Vec::new();
    let long = "x".repeat(5000);
    for id in [
        "t", "t", "T", "..", "../../x", "/etc", "a/b", "", "x\0y", &long, "1-t",
    ] {
        for root in [&one, &other] {
            let files = of(root, id);
            let folder = files.folder().unwrap().to_owned();
            assert!(folder.is_dir(), "{id:?}");
            let process = folder.parent().unwrap();
            assert_eq!(process.parent(), Some(root_of(root)), "{id:?}");
            assert!(folders.insert(folded(folder.to_str().unwrap())), "{id:?}");
            all.push(files);
        }
    }
}

fn root_of(root: &FilesRoot) -> &Path {
    root.path()
}

proptest! {
    #[test]
    fn no_name_leads_out(name: String) {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("root");
        let all = start(&inner);
        let files = of(&all, "t");
        if let Ok(path) = files.write_now(&name, "x") {
            let real = path.canonicalize().unwrap();
            let folder = files.folder().unwrap().canonicalize().unwrap();
            prop_assert!(real.starts_with(&folder) && real != folder);
            prop_assert_eq!(files.read_now(&name).unwrap(), b"x");
        }
        // Nothing beside the root.
        prop_assert!(std::fs::read_dir(root.path()).unwrap().count() <= 1);
    }
}
