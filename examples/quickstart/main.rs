//! The whole way of a job in one process: an orchestrator for development, a worker
//! with two handlers, and a picture that is resized and then sharpened.
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
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use axon_worker::dev::{DevOrchestrator, JobReport, JobSpec};
use axon_worker::{Worker, WorkerHandle, WorkerId, blocking};
use serde_json::json;

use handlers::{Workspace, apply_filters, resize_image};
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
    let worker = start_worker(&orchestrator, workspace.path().to_owned())?;
    println!(
        "worker {} takes tasks from {}",
        worker.worker_id(),
        orchestrator.url()
    );

    let outcome = run_jobs(options, &input, &orchestrator, &worker).await;

    let drained = worker.shutdown().await;
    orchestrator.stop().await;
    let report = outcome?;
    if !report.is_success() {
        let why = report.error.unwrap_or_default();
        return Err(format!("the job ended as {:?}: {why}", report.state).into());
    }
    println!(
        "\nworker and orchestrator stopped, {} results unsent",
        drained.unsent
    );
    println!("output: {}", options.output.display());
    Ok(())
}

/// A worker that knows nothing but this orchestrator.
fn start_worker(orchestrator: &DevOrchestrator, workspace: PathBuf) -> Result<WorkerHandle> {
    let mut settings = orchestrator.worker_settings();
    settings.worker_id = WorkerId::try_new("quickstart")?;
    settings.storage.task_files_dir = workspace.join("tasks");
    let worker = Worker::builder("image-processor")
        .settings(settings)
        .data(Workspace(workspace))
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
) -> Result<JobReport> {
    let pipeline = JobSpec::from_json(json!({
        "input": { "image": input, "output": options.output },
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
    let wrong = json!({ "image": input, "filters": ["sparkle"], "save_as": options.output });
    let job = orchestrator
        .submit(JobSpec::task("apply_filters", wrong))
        .await?;
    show::refusal(&job.finished().await);
    Ok(report)
}
