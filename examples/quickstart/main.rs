//! The whole way of a job in one process: an orchestrator for development, a worker
//! with two handlers, and a picture that is resized and then sharpened. From task to task
//! the picture is an object in a storage, for which a folder stands in.
//!
//! ```sh
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- photo.jpg --width 640 --height 480
//! ```
//!
//! Nothing has to be installed or configured: ports are free ones of the loopback
//! address, and the environment is not read.

mod handlers;
mod options;
mod picture;
mod pixels;
mod show;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use axon_worker::config::Settings;
use axon_worker::dev::{DevOrchestrator, JobReport, JobSpec};
use axon_worker::storage::{Expected, ObjectUri, Transfers};
use axon_worker::{Cancellation, Worker, WorkerHandle, WorkerId, blocking};
use serde_json::json;

use handlers::{apply_filters, resize_image};
use options::{Command, Options};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TOKEN: &str = "quickstart-token";

#[actix_rt::main]
async fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}\n\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let input = match &options.input {
        Some(path) => path.clone(),
        None => picture::make(Path::new("target/quickstart/input.png"))?,
    };
    let (width, height) = picture::size_of(&input)?;
    println!("input: {} ({width}x{height})", input.display());

    let orchestrator = DevOrchestrator::builder().token(TOKEN).start().await?;
    let workspace = tempfile::tempdir()?;
    let settings = settings(&orchestrator, workspace.path())?;
    let storage = Transfers::from_settings(&settings.storage)?.ok_or("there is no storage")?;
    let worker = start_worker(settings)?;
    println!(
        "worker {} takes tasks from {}",
        worker.worker_id(),
        orchestrator.url()
    );

    let outcome = run_jobs(options, &input, &orchestrator, &worker, &storage).await;

    let drained = worker.shutdown().await;
    orchestrator.stop().await;
    let report = outcome?;
    if !report.is_success() {
        let why = report.error.unwrap_or_default();
        return Err(format!("the job ended as {:?}: {why}", report.state).into());
    }
    let picture = report.data["filtered"]["image"].as_str();
    let picture = ObjectUri::parse(picture.ok_or("the job left no picture")?)?;
    save(&storage, &picture, &options.output).await?;
    println!(
        "\nworker and orchestrator stopped, {} results unsent",
        drained.unsent
    );
    println!("output: {}", options.output.display());
    Ok(())
}

/// A worker that knows nothing but this orchestrator, and a folder as storage.
fn settings(orchestrator: &DevOrchestrator, workspace: &Path) -> Result<Settings> {
    let mut settings = orchestrator.worker_settings();
    settings.worker_id = WorkerId::try_new("quickstart")?;
    settings.storage.task_files_dir = workspace.join("tasks");
    settings.storage.local_root = Some(workspace.join("storage"));
    "pictures".clone_into(&mut settings.storage.default_bucket);
    Ok(settings)
}

fn start_worker(settings: Settings) -> Result<WorkerHandle> {
    let worker = Worker::builder("image-processor")
        .settings(settings)
        .task("resize_image", blocking(resize_image))
        .task("apply_filters", blocking(apply_filters))
        .spawn()?;
    Ok(worker)
}

/// The job that was asked for, and one that cannot be done.
async fn run_jobs(
    options: &Options,
    input: &Path,
    orchestrator: &DevOrchestrator,
    worker: &WorkerHandle,
    storage: &Transfers,
) -> Result<JobReport> {
    let picture = ObjectUri::new("pictures", "input");
    storage.store(input, &picture, &Cancellation::new()).await?;
    let picture = picture.to_string();
    let save_as = options.output.extension().unwrap_or_default();
    let save_as = format!("filtered.{}", save_as.to_string_lossy());
    let pipeline = JobSpec::from_json(json!({
        "input": { "image": picture, "output": save_as },
        "start": "resize",
        "steps": {
            "resize": {
                "task": "resize_image",
                "params": {
                    "image": "$input.image",
                    "width": options.width,
                    "height": options.height,
                },
                "transitions": { "success": "filter" },
            },
            "filter": {
                "task": "apply_filters",
                "params": {
                    "image": "$data.resized.image",
                    "filters": options.filters,
                    "save_as": "$input.output",
                },
                "transitions": { "success": "finished" },
            },
        },
    }))?;
    let job = orchestrator.submit(pipeline).await?;
    let report = show::progress_until(job.finished(), worker).await;
    show::steps(&report);

    // Typed parameters refuse this one before the handler is called.
    let wrong = json!({ "image": picture, "filters": ["sparkle"], "save_as": save_as });
    let job = orchestrator
        .submit(JobSpec::task("apply_filters", wrong))
        .await?;
    show::refusal(&job.finished().await);
    Ok(report)
}

/// Copies a picture from the storage to where it was asked for.
async fn save(storage: &Transfers, picture: &ObjectUri, output: &Path) -> Result<()> {
    let folder = output.parent().unwrap_or(output);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", output.display()))?;
    let (whatever, nobody) = (Expected::default(), Cancellation::new());
    storage.fetch(picture, output, &whatever, &nobody).await?;
    println!("\nthe picture is {picture}");
    Ok(())
}
