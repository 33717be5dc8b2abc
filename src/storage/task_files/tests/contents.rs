//! Reading and writing, in async handlers and in blocking ones.

use std::io::{ErrorKind, Read, Write};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[actix_rt::test]
async fn files_are_read_and_written_in_pieces_and_as_json() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    let mut writer = files.create("big").await.unwrap();
    for _ in 0..3 {
        writer.write_all(b"piece").await.unwrap();
    }
    writer.flush().await.unwrap();
    let mut text = String::new();
    let mut reader = files.open("big").await.unwrap();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "piecepiecepiece");
    let value = json!({ "a": [1, null] });
    files.write_json("a.json", &value).await.unwrap();
    assert_eq!(files.read_json::<Value>("a.json").await.unwrap(), value);
    let error = files.read_json::<Value>("big").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    files.write("bytes", [0xff]).await.unwrap();
    let error = files.read_string("bytes").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(
        files.read("missing").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn blocking_handlers_have_the_same() {
    let root = tempfile::tempdir().unwrap();
    let files = of(&start(root.path()), "t1");
    assert_eq!(files.list_now().unwrap(), [""; 0]);
    files.create_now("a/b").unwrap().write_all(b"x").unwrap();
    let mut text = String::new();
    let mut file = files.open_now("a/b").unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
    assert_eq!(files.read_string_now("a/b").unwrap(), "x");
    files.write_json_now("c", &[1]).unwrap();
    assert_eq!(files.read_json_now::<Value>("c").unwrap(), json!([1]));
    assert!(files.exists_now("c").unwrap());
    assert_eq!(files.list_in_now("a").unwrap(), ["b"]);
    assert_eq!(files.list_now().unwrap(), ["a", "c"]);
    assert!(!files.has_storage());
    assert!(files.upload_now("c").is_err(), "there is no storage");
}
