//! Files in both directions: a job names objects of a storage, the handler sees local
//! files, and the files it returns are objects again.
//!
//! ```sh
//! cargo run --example files
//! ```
//!
//! The storage is a folder here. With `S3_ENDPOINT_URL` (and `S3_ACCESS_KEY`,
//! `S3_SECRET_KEY`, `S3_DEFAULT_BUCKET`) it is the one that they name; its bucket has to
//! exist.

use std::error::Error;
use std::path::{Path, PathBuf};

use axon_worker::config::Settings;
use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::storage::{Expected, ObjectUri, Transfers};
use axon_worker::{Cancellation, TaskError, TaskFile, TaskFiles, TaskFolder, Worker, blocking};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Count {
    /// `s3://bucket/key` in the job, the path of a file here.
    text: TaskFile,
}

async fn count_words(params: Count, files: TaskFiles) -> Result<Value, TaskError> {
    println!("  handler sees   {}", shown(&params.text));
    let text = tokio::fs::read_to_string(&params.text).await?;
    let counts = json!({ "words": text.split_whitespace().count(), "bytes": text.len() });
    let report = files.write_json("report.json", &counts).await?;
    println!("  handler leaves {}", shown(&report));
    Ok(json!({ "report": report }))
}

#[derive(Deserialize)]
struct Shout {
    /// `s3://bucket/folder/` in the job, the path of a folder here.
    texts: TaskFolder,
}

/// Blocks, so it uses the names that end in `_now`.
fn shout(params: Shout, files: TaskFiles) -> Result<Value, TaskError> {
    println!("  handler sees   {}", shown(&params.texts));
    for entry in std::fs::read_dir(&params.texts)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let loud = std::fs::read_to_string(&path)?.to_uppercase();
        files.write_now(Path::new("loud").join(name), loud)?;
    }
    let folder = files.path_to_now("loud")?;
    println!(
        "  handler leaves {} with {}",
        shown(&folder),
        files.list_in_now("loud")?.join(", ")
    );
    Ok(json!({ "loud": folder }))
}

/// The end of a path, for people.
fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).collect();
    let end: PathBuf = parts.into_iter().rev().collect();
    format!(".../{}", end.display())
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let orchestrator = DevOrchestrator::builder().max_retries(0).start().await?;
    let mut settings = orchestrator.worker_settings();
    settings.storage.task_files_dir = folder.path().join("tasks");
    if std::env::var_os("S3_ENDPOINT_URL").is_some() {
        let files = settings.storage.task_files_dir;
        settings.storage = Settings::load()?.into_settings().storage;
        settings.storage.task_files_dir = files;
    } else {
        settings.storage.local_root = Some(folder.path().join("storage"));
    }
    let storage = Transfers::from_settings(&settings.storage)?.ok_or("there is no storage")?;
    let bucket = settings.storage.default_bucket.clone();
    let worker = Worker::builder("writer")
        .settings(settings)
        .task("count_words", count_words)
        .task("shout", blocking(shout))
        .spawn()?;

    let nobody = Cancellation::new();
    for (name, text) in [("one.txt", "to be or not"), ("two.txt", "to be")] {
        let file = folder.path().join(name);
        std::fs::write(&file, text)?;
        let uri = ObjectUri::new(&bucket, format!("axon-example/texts/{name}"));
        storage.store(&file, &uri, &nobody).await?;
    }

    let texts = format!("s3://{bucket}/axon-example/texts/");
    for (task, params) in [
        ("count_words", json!({ "text": format!("{texts}one.txt") })),
        ("shout", json!({ "texts": texts })),
        (
            "count_words",
            json!({ "text": format!("{texts}missing.txt") }),
        ),
    ] {
        println!("{task}\n  job names      {params}");
        let job = orchestrator.submit(JobSpec::task(task, params)).await?;
        let report = job.finished().await;
        match &report.error {
            None => println!("  job gets       {}", report.data),
            Some(error) => println!("  job fails      {error}"),
        }
        for uri in report
            .data
            .as_object()
            .into_iter()
            .flat_map(|data| data.values())
        {
            let uri = ObjectUri::parse(uri.as_str().unwrap_or_default())?;
            show(&storage, &uri, &folder.path().join("shown")).await?;
        }
    }
    println!("unsent: {}", worker.shutdown().await.unsent);
    orchestrator.stop().await;
    println!("local files left: {}", left(&folder.path().join("tasks")));
    Ok(())
}

/// Folders of tasks are in one folder per process.
fn left(tasks: &Path) -> usize {
    let inside = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let all = inside(tasks).flat_map(|process| inside(&process.path()));
    all.filter(|entry| entry.path().is_dir()).count()
}

/// Prints what is in the storage.
async fn show(storage: &Transfers, uri: &ObjectUri, to: &Path) -> Result<(), Box<dyn Error>> {
    let nobody = Cancellation::new();
    if uri.is_folder() {
        let all = storage.fetch_folder(uri, to, &nobody).await?;
        println!(
            "  storage has    {} objects there, {} bytes",
            all.objects, all.size
        );
    } else {
        storage
            .fetch(uri, to, &Expected::default(), &nobody)
            .await?;
        println!("  storage has    {}", std::fs::read_to_string(to)?);
        std::fs::remove_file(to)?;
    }
    Ok(())
}
