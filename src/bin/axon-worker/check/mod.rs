//! `axon-worker check`: what the settings of a worker are and where they come from, and
//! whether all that they name can be reached. It registers nothing and takes no task.
//!
//! Each probe has a file of its own and is written down line by line ([`finding`]); what is
//! to be thought of what it saw is in [`judge`]; how it is told, in [`report`].

mod collector;
mod controller;
mod finding;
mod folders;
mod judge;
mod orchestrator;
mod port;
mod reach;
mod report;
mod secrets;
mod storage;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use axon_worker::config::Settings;
use axon_worker::programs::{self, WorkerFile};
use futures_util::future::join_all;

use finding::{Finding, Notes, bounded};
use report::Report;
use secrets::Secrets;

use crate::terminal;

/// Tells every setting and where it comes from, then reaches for everything that a worker
/// with these settings would. Exit code 0: all is well; 1: something failed; 2: the
/// settings are wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read this file in place of the one that `AXON_WORKER_CONFIG` names; it may be one for
    /// `axon-worker run`
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Reach for nothing, look at the settings only
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The longest time for each thing that is reached, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Register with the `DistWorker` controller too. A task that it assigns in this moment
    /// is sent back as failed
    #[arg(long)]
    register: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|it| *it > 0.0 && *it <= 3600.0);
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds above 0, up to 3600".to_owned())
}

pub(crate) fn main(args: Args) -> ExitCode {
    let (inspection, tasks) = match &args.config {
        Some(file) => {
            let (inspection, ready, missing) = WorkerFile::inspect(file);
            (inspection, Some((ready, missing)))
        }
        None => (Settings::inspect(None), None),
    };
    let mut report = Report::of(&inspection);
    if let Some((ready, missing)) = tasks {
        report.programs(ready, missing, programs::withheld_variables());
    }
    if let Ok(settings) = &inspection.settings
        && !args.offline
    {
        let system = actix_rt::System::new();
        let found = system.block_on(probe_all(settings, &args));
        let secrets = Secrets::of(settings);
        report.checked(found, |text| secrets.hide(text));
        // A look-up of a name that hangs would hold up the end of its runtime.
        std::mem::forget(system);
    }
    terminal::print(&if args.json {
        report.to_json()
    } else {
        report.to_text(terminal::Style::of_stdout())
    });
    ExitCode::from(report.exit_code())
}

type Probe<'a> = Pin<Box<dyn Future<Output = Vec<Finding>> + 'a>>;

/// All probes at once; what they find stays in this order.
async fn probe_all(settings: &Settings, args: &Args) -> Vec<Finding> {
    let within = args.timeout;
    let mut settings = settings.clone();
    settings.timing.request_timeout = settings.timing.request_timeout.min(within);
    let settings = &settings;
    let mut probes: Vec<Probe<'_>> = Vec::new();
    for (place, orchestrator) in settings.orchestrators.iter().enumerate() {
        let subject = format!("orchestrator {}", orchestrator.url);
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                orchestrator::probe(notes, settings, place).await;
            },
        )));
    }
    if let Some(url) = &settings.distworker.controller_url {
        let url = url.split('?').next().unwrap_or_default();
        let subject = format!("controller {url}");
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                controller::probe(notes, settings, args.register).await;
            },
        )));
    }
    if let Some(subject) = storage::name(&settings.storage) {
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                storage::probe(notes, settings, within).await;
            },
        )));
    }
    for url in collector::urls(&settings.otlp) {
        let subject = format!("collector {url}");
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                collector::probe(notes, &url).await;
            },
        )));
    }
    let payload = [
        (Some(&settings.storage.task_files_dir), "TASK_FILES_DIR"),
        (
            settings.storage.blob_cache_dir.as_ref(),
            "WORKER_BLOB_CACHE_DIR",
        ),
    ];
    for (folder, variable) in payload {
        let Some(folder) = folder.cloned() else {
            continue;
        };
        let subject = format!("{variable} {}", folder.display());
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                folders::payload(notes, folder, variable).await;
            },
        )));
    }
    if let Some(folder) = settings.journal_dir() {
        let subject = format!("journal {}", folder.display());
        probes.push(Box::pin(bounded(
            subject,
            within,
            async move |notes: &Notes| {
                folders::journal(notes, folder).await;
            },
        )));
    }
    let subject = format!("port {}", settings.worker_port);
    probes.push(Box::pin(bounded(
        subject,
        within,
        async move |notes: &Notes| {
            port::probe(notes, settings);
        },
    )));
    join_all(probes).await.into_iter().flatten().collect()
}
