//! What is seen on the screen: the bar on stderr, everything else on stdout.

use std::pin::pin;
use std::time::Duration;

use axon_worker::WorkerHandle;
use axon_worker::dev::{AttemptReport, JobReport};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Parts of the bar.
const FULL: f64 = 1000.0;

/// Shows how far the worker's task is until the job has ended. Nothing is drawn
/// where stderr is no terminal.
pub(super) async fn progress_until(
    ended: impl Future<Output = JobReport>,
    worker: &WorkerHandle,
) -> JobReport {
    let style = ProgressStyle::with_template("{prefix:>14} [{bar:40}] {percent:>3}%  {msg}")
        .expect("the template is written above");
    let bar = ProgressBar::new(1000).with_style(style.progress_chars("=> "));
    let mut ended = pin!(ended);
    let report = loop {
        tokio::select! {
            report = &mut ended => break report,
            () = tokio::time::sleep(Duration::from_millis(20)) => show_tasks(worker, &bar),
        }
    };
    bar.finish_and_clear();
    report
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "progress lies between 0 and 1"
)]
fn show_tasks(worker: &WorkerHandle, bar: &ProgressBar) {
    for task in worker.status().tasks {
        bar.set_prefix(task.name.to_string());
        if let Some((progress, message)) = task.progress {
            bar.set_position((progress * FULL) as u64);
            bar.set_message(message);
        }
    }
}

/// One line for each task of the job.
pub(super) fn steps(report: &JobReport) {
    println!("\njob {}: {:?}", report.id, report.state);
    println!(
        "  {:<14} {:<12} {:>8}  {:<9} result",
        "task", "worker", "seconds", "status"
    );
    for attempt in &report.history {
        println!(
            "  {:<14} {:<12} {:>8.3}  {:<9} {}",
            attempt.task.as_str(),
            attempt.worker.as_deref().unwrap_or("-"),
            seconds(attempt).unwrap_or_default(),
            attempt.status.as_deref().unwrap_or("-"),
            result(attempt, &report.data),
        );
    }
}

/// The job that was refused, in a sentence.
pub(super) fn refusal(report: &JobReport) {
    let error = report.history.last().and_then(|last| last.error.as_ref());
    let text = |key| error.and_then(|error| error[key].as_str()).unwrap_or("?");
    println!(
        "\nand a job with a filter that does not exist: {:?}\n  {}: {}",
        report.state,
        text("code"),
        text("message")
    );
}

fn seconds(attempt: &AttemptReport) -> Option<f64> {
    let took = attempt
        .answered_at?
        .duration_since(attempt.handed_out_at?)
        .ok()?;
    Some(took.as_secs_f64())
}

fn result(attempt: &AttemptReport, data: &Value) -> String {
    if let Some(error) = &attempt.error {
        return error.to_string();
    }
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    if attempt.task.as_str() == "resize_image" {
        let resized = &data["resized"];
        format!("{} from {}", text(&resized["size"]), text(&resized["from"]))
    } else {
        let filtered = &data["filtered"];
        format!(
            "{}: {} bytes",
            text(&filtered["filters"]),
            filtered["bytes"]
        )
    }
}
