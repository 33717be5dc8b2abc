//! `axon-worker run worker.toml`: a worker whose tasks are done by other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use axon_worker::programs::{self, WorkerFile};
use axon_worker::{Error, logging};

/// What is wrong stands in the file, or in the environment.
const MISTAKE: u8 = 2;

/// Settings come from the file and the environment, which wins. The log goes to stdout. SIGTERM or SIGINT ends the
/// worker when its tasks are done; a second one ends it at once.
///
/// Exit codes: 0 after a clean end, 1 when something was left undone, 2 when the file, the
/// environment or a command in it is wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file with the settings and tasks, see docs/programs.md.
    file: PathBuf,

    /// Say whether the file is right, and end.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn main(args: Args) -> ExitCode {
    let file = match WorkerFile::load(&args.file) {
        Ok(file) => file,
        Err(error) => return mistake(&error),
    };
    if let Err(error) = logging::init_with(file.settings()) {
        return mistake(&error);
    }
    for warning in file.warnings() {
        tracing::warn!("configuration: {warning}");
    }
    let grace = file.grace();
    let worker = match file.into_builder().build() {
        Ok(worker) => worker,
        Err(error) => return mistake(&error),
    };
    if args.dry_run {
        return ExitCode::SUCCESS;
    }
    actix_rt::System::new().block_on(async {
        let ended = worker.with_health_check().run().await;
        let killed = programs::end_all(grace).await;
        if killed > 0 {
            tracing::warn!(killed, "programs did not end when they were told to");
        }
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error @ (Error::Config(_) | Error::Build(_))) => mistake(&error),
            // By the log, which does not wait for whoever reads it.
            Err(error @ Error::Unclean(_)) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("axon-worker: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

fn mistake(error: &dyn std::error::Error) -> ExitCode {
    for line in error.to_string().lines() {
        eprintln!("axon-worker: {line}");
    }
    ExitCode::from(MISTAKE)
}
