//! The side of `object_store`: the cases of `../cases.rs`, with its own defaults and 16 at
//! once. Built by itself, so that it weighs on nothing else: `cargo build --release` here.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

const MIB: usize = 1024 * 1024;
const AT_ONCE: usize = 16;

fn store(url: &str, bucket: &str) -> Arc<AmazonS3> {
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_endpoint(url)
        .with_region("us-east-1")
        .with_access_key_id("test-access-key")
        .with_secret_access_key("test-secret-key")
        .with_allow_http(true);
    Arc::new(builder.build().unwrap())
}

fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kib: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kib / 1024.0
}

async fn get(store: &AmazonS3, key: &str, to: &Path) {
    let mut body = store.get(&Key::from(key)).await.unwrap().into_stream();
    let mut file = File::create(to).await.unwrap();
    while let Some(piece) = body.try_next().await.unwrap() {
        file.write_all(&piece).await.unwrap();
    }
    file.flush().await.unwrap();
}

async fn put(store: Arc<AmazonS3>, key: &str, from: &Path) {
    let mut file = File::open(from).await.unwrap();
    let mut writer = BufWriter::with_capacity(store, Key::from(key), 8 * MIB);
    tokio::io::copy(&mut file, &mut writer).await.unwrap();
    writer.shutdown().await.unwrap();
}

async fn case(name: &str, bench: &Arc<AmazonS3>, void: &Arc<AmazonS3>, dir: &Path) -> f64 {
    let got = dir.join("got");
    let _ = std::fs::remove_dir_all(&got);
    std::fs::create_dir(&got).unwrap();
    let began = Instant::now();
    match name {
        "get" => get(bench, "large", &got.join("x")).await,
        "get-huge" => get(bench, "huge", &got.join("x")).await,
        "put" => put(bench.clone(), "put/large", &dir.join("large")).await,
        "put-huge" => put(void.clone(), "huge", &dir.join("huge")).await,
        "get-small" => {
            let prefix = Key::from("small");
            let listed: Vec<_> = bench.list(Some(&prefix)).try_collect().await.unwrap();
            assert_eq!(listed.len(), 1000);
            stream::iter(listed)
                .for_each_concurrent(AT_ONCE, |object| {
                    let to = got.join(object.location.filename().unwrap());
                    async move { get(bench, object.location.as_ref(), &to).await }
                })
                .await;
        }
        "put-small" => {
            let entries = std::fs::read_dir(dir.join("small")).unwrap();
            let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
            stream::iter(files)
                .for_each_concurrent(AT_ONCE, |path| async move {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    let content = tokio::fs::read(path).await.unwrap();
                    let key = Key::from(format!("put/small/{name}"));
                    bench.put(&key, content.into()).await.unwrap();
                })
                .await;
        }
        other => panic!("no case {other}"),
    }
    began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let dir = std::env::temp_dir().join(format!("rival-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("small")).unwrap();
    let large = vec![b'y'; 256 * MIB];
    std::fs::write(dir.join("large"), &large).unwrap();
    let mut huge = std::fs::File::create(dir.join("huge")).unwrap();
    for _ in 0..4 {
        huge.write_all(&large).unwrap();
    }
    for i in 0..1000 {
        std::fs::write(dir.join(format!("small/{i}")), &large[..16 * 1024]).unwrap();
    }
    drop((large, huge));
    let (bench, void) = (store(&url, "bench"), store(&url, "void"));
    case("get-small", &bench, &void, &dir).await;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let idle = memory("VmRSS:");
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let took = case(line.unwrap().trim(), &bench, &void, &dir).await;
        println!("{took} {} {idle}", memory("VmHWM:"));
        std::io::stdout().flush().unwrap();
    }
    let _ = std::fs::remove_dir_all(dir);
}
