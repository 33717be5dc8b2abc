//! Transfers against moto, a published S3 server, in a process of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axon_worker::Cancellation;
use axon_worker::config::{BlobCacheMode, StorageSettings, Token};
use axon_worker::storage::{Expected, ObjectUri, StorageError, Transfers};

const MIB: usize = 1024 * 1024;

/// The server and a folder, with transfers between them.
struct Stage {
    server: Child,
    address: String,
    transfers: Transfers,
    dir: tempfile::TempDir,
    cancel: Cancellation,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn stage() -> Stage {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv-s3/bin/moto_server");
    assert!(
        program.exists(),
        "{} is missing: ./test installs it, see tests/real/requirements-s3.txt",
        program.display()
    );
    let mut server = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("http://")?.1.trim().to_owned()))
        .expect("it tells its address");
    // So that it can go on talking.
    std::thread::spawn(move || lines.for_each(drop));
    let dir = tempfile::tempdir().unwrap();
    let mut settings = StorageSettings::default();
    settings.endpoint_url = Some(format!("http://{address}"));
    settings.access_key = Some(Token::from("test-access-key"));
    settings.secret_key = Some(Token::from("test-secret-key"));
    settings.blob_cache_dir = Some(dir.path().join("cache"));
    settings.blob_cache_mode = BlobCacheMode::Copy;
    let transfers = Transfers::from_settings(&settings).unwrap().unwrap();
    let stage = Stage {
        server,
        address,
        transfers,
        dir,
        cancel: Cancellation::new(),
    };
    let made = stage.ask("PUT", "/in-bucket");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    stage
}

impl Stage {
    /// A bare request; the server looks at no signatures.
    fn ask(&self, method: &str, target: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(
            socket,
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn open_uploads(&self) -> usize {
        self.ask("GET", "/in-bucket?uploads")
            .matches("<UploadId>")
            .count()
    }

    async fn store(&self, key: &str, content: &[u8]) -> Option<String> {
        let path = self.dir.path().join("to-store");
        std::fs::write(&path, content).unwrap();
        let stored = self.transfers.store(&path, &uri(key), &self.cancel).await;
        stored.unwrap().etag
    }

    async fn fetch(&self, key: &str, etag: Option<String>) -> Result<Vec<u8>, StorageError> {
        let path = self.dir.path().join("fetched");
        let expect = Expected { size: None, etag };
        self.transfers
            .fetch(&uri(key), &path, &expect, &self.cancel)
            .await?;
        Ok(std::fs::read(path).unwrap())
    }
}

fn uri(key: &str) -> ObjectUri {
    ObjectUri::new("in-bucket", key)
}

fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

#[actix_rt::test]
async fn objects_of_every_size_go_in_and_come_out() {
    let stage = stage();
    for size in [0, 1, 300 * 1024, 16 * MIB, 16 * MIB + 1, 30 * MIB] {
        let bytes = content(size);
        let etag = stage.store("k", &bytes).await;
        assert_eq!(
            etag.as_ref().unwrap().contains('-'),
            size > 16 * MIB,
            "{etag:?}"
        );
        // Once out of the storage, once out of the cache.
        for _ in 0..2 {
            assert!(
                stage.fetch("k", etag.clone()).await.unwrap() == bytes,
                "{size}"
            );
        }
    }
    assert_eq!(stage.transfers.counts().cache_hits, 6);
    assert_eq!(stage.open_uploads(), 0);
    let etag = stage.store("hello", b"hello").await;
    assert_eq!(etag.as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));
    let wrong = stage
        .fetch("hello", Some("0000".to_owned()))
        .await
        .unwrap_err();
    assert!(matches!(wrong, StorageError::Mismatch { .. }), "{wrong}");
}

#[actix_rt::test]
async fn odd_keys_are_kept_and_listed() {
    let stage = stage();
    let keys = [
        "d/a b",
        "d/ü/ключ",
        "d/a+b",
        "d/100%",
        "d/%2e%2e/x",
        "d/a//b",
        "d/marker/",
        "d/q?x=1&y",
        "d/h#f",
        "d/a;b=c@d",
        "d/e\u{301}",
        "d/\u{e9}",
        "d/🦀",
        "d/'\"<>",
        "d/a",
        "d/a/b",
    ];
    for key in keys {
        stage.store(key, key.as_bytes()).await;
        assert_eq!(
            stage.fetch(key, None).await.unwrap(),
            key.as_bytes(),
            "{key:?}"
        );
    }
    let to = stage.dir.path().join("folder");
    let folder = ObjectUri::parse("s3://in-bucket/d/").unwrap();
    let info = stage
        .transfers
        .fetch_folder(&folder, &to, &stage.cancel)
        .await
        .unwrap();
    assert_eq!(info.objects, keys.len() - 1, "all but the marker");
    let mut found = BTreeSet::new();
    let mut folders = vec![to];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let sent = keys.iter().filter(|key| !key.ends_with('/'));
    assert_eq!(found, sent.map(ToString::to_string).collect());
}

#[actix_rt::test]
async fn a_folder_of_1100_files_goes_in_and_comes_out() {
    let stage = stage();
    let from = stage.dir.path().join("many");
    std::fs::create_dir(&from).unwrap();
    for i in 0..1100 {
        std::fs::write(from.join(i.to_string()), format!("content {i}")).unwrap();
    }
    let folder = ObjectUri::parse("s3://in-bucket/many/").unwrap();
    let sent = stage
        .transfers
        .store_folder(&from, &folder, &stage.cancel)
        .await
        .unwrap();
    assert_eq!(sent.objects, 1100);
    let to = stage.dir.path().join("back");
    let got = stage
        .transfers
        .fetch_folder(&folder, &to, &stage.cancel)
        .await
        .unwrap();
    assert_eq!(got, sent);
    assert_eq!(
        std::fs::read_to_string(to.join("1099")).unwrap(),
        "content 1099"
    );
}

#[actix_rt::test]
async fn what_is_not_there_is_named() {
    let stage = stage();
    for uri in [uri("none"), ObjectUri::new("no-such-bucket", "k")] {
        let to = stage.dir.path().join("x");
        let any = Expected::default();
        let error = stage
            .transfers
            .fetch(&uri, &to, &any, &stage.cancel)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("{uri} does not exist"));
    }
    stage.store("k", b"x").await;
    for _ in 0..2 {
        stage
            .transfers
            .delete(&uri("k"), &stage.cancel)
            .await
            .unwrap();
    }
    let error = stage.fetch("k", None).await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
}

#[actix_rt::test]
async fn an_upload_that_is_called_off_leaves_no_parts() {
    let stage = stage();
    let path = stage.dir.path().join("large");
    std::fs::write(&path, content(64 * MIB)).unwrap();
    let to = uri("k");
    let mut storing = Box::pin(stage.transfers.store(&path, &to, &stage.cancel));
    let begun = async {
        while stage.open_uploads() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        result = &mut storing => panic!("it must not be done so soon: {result:?}"),
        () = begun => {}
    }
    drop(storing);
    stage.transfers.settled(Duration::from_secs(30)).await;
    assert_eq!(stage.open_uploads(), 0);
    let error = stage.fetch("k", None).await.unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
}
