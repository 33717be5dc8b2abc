//! Results and uploads: which files leave, under which keys.

use super::*;
use crate::storage::Expected;

#[actix_rt::test]
async fn nothing_outside_the_folder_is_uploaded() {
    let stage = Stage::new("j", "t");
    let other = Stage::new("j", "t");
    let outside = other.files.write("secret", "s").await.unwrap();
    stage.files.write("dir/in", "x").await.unwrap();
    let folder = stage.files.folder().unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("dir/link")).unwrap();
    std::os::unix::fs::symlink(outside.parent().unwrap(), folder.join("dir/up")).unwrap();
    let sibling = format!("{}-2", folder.display());
    std::fs::create_dir(&sibling).unwrap();
    std::fs::write(format!("{sibling}/f"), "s").unwrap();
    let data = json!({
        "other_task": outside,
        "link": folder.join("link"),
        "through": folder.join("dir/up/secret"),
        "up": folder.join(".."),
        "textual": format!("{}/../../../{}", folder.display(), "x"),
        "sibling": format!("{sibling}/f"),
        "root": "/",
        "nul": format!("{}/dir\u{0}", folder.display()),
        "relative": "dir/in",
    });
    let reply = stage.carry(&data).await.unwrap();
    assert_eq!(reply.data().parse::<Value>().unwrap(), data);
    assert!(stage.objects(BUCKET).is_empty());
    let reply = stage.carry(&json!({ "dir": folder.join("dir") })).await;
    reply.unwrap();
    let objects = stage.objects(BUCKET);
    assert_eq!(
        objects.into_iter().collect::<Vec<_>>(),
        [("j/t/dir/in".into(), "x".into())]
    );
}

#[actix_rt::test]
async fn odd_names_come_back_under_their_own_uri() {
    let stage = Stage::new("../job", "a/b");
    let mut data = Vec::new();
    for name in ["what?", "a#b", "100%25", "line\nend", "ü🦀 .txt", "x\"y"] {
        data.push(stage.files.write(name, name).await.unwrap());
    }
    let reply = stage.carry(&json!({ "all": data })).await.unwrap();
    let sent: Value = reply.data().parse().unwrap();
    let next = Stage {
        files: Stage::new("j", "t2").files,
        ..stage
    };
    for (sent, path) in sent["all"].as_array().unwrap().iter().zip(&data) {
        let uri = ObjectUri::parse(sent.as_str().unwrap()).unwrap();
        assert_eq!(uri.to_string(), sent.as_str().unwrap());
        assert!(uri.key().split('/').all(|part| !matches!(part, "." | "..")));
        let to = next.files.path_to(path.file_name().unwrap()).await.unwrap();
        let got = next
            .transfers
            .fetch(&uri, &to, &Expected::default(), &next.cancellation)
            .await;
        got.unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(path).unwrap());
    }
}

#[actix_rt::test]
async fn handlers_upload_and_download_by_name() {
    let stage = Stage::new("j", "t");
    stage.files.write("sub/a.txt", "one").await.unwrap();
    let stored = stage.files.upload("sub/a.txt").await.unwrap();
    assert_eq!(stored.uri.to_string(), format!("s3://{BUCKET}/j/t/a.txt"));
    assert_eq!(stored.size, 3);
    stage.files.write("sub/a.txt", "two!").await.unwrap();
    let again = stage.files.upload("sub/a.txt").await.unwrap();
    assert_eq!((&again.uri, again.size), (&stored.uri, 4));
    // A result of the same name goes elsewhere.
    let path = stage.files.write("a.txt", "three").await.unwrap();
    let reply = stage.carry(&json!([path])).await.unwrap();
    assert!(reply.data().as_str().contains("j/t/2/a.txt"));
    let folder = stage.files.upload("sub").await.unwrap();
    assert!(folder.uri.is_folder());
    assert_eq!((folder.size, folder.etag), (4, None));
    let files = stage.files.clone();
    let on_thread = std::thread::spawn(move || {
        let got = files.download_now(&again.uri, "down/b.txt").unwrap();
        assert_eq!(std::fs::read_to_string(got).unwrap(), "two!");
        files.download_now(&folder.uri, "all").unwrap();
        assert_eq!(files.read_string_now("all/a.txt").unwrap(), "two!");
        assert!(files.download_now(&again.uri, "../x").is_err());
        assert!(files.upload_now("missing").is_err());
        files.upload_now("down/b.txt").unwrap().size
    });
    assert_eq!(on_thread.join().unwrap(), 4);
}
