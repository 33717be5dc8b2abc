//! What happened, as lines and as a summary.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use axon_worker::dev::{DevNews, JobCounts, JobState};
use axon_worker::{JobId, TaskName};
use serde_json::Value;

use crate::terminal::on_one_line;

/// Progress of one job is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The log of one session. Times are since its beginning.
#[derive(Debug, Default)]
pub(super) struct Log {
    open: HashMap<JobId, OpenJob>,
    workers: BTreeSet<String>,
    seen: BTreeSet<String>,
    handed_out: u64,
}

#[derive(Debug)]
struct OpenJob {
    since: Duration,
    told: Option<Duration>,
}

impl Log {
    /// The line for what happened, if there is to be one.
    pub(super) fn line(&mut self, now: Duration, news: &DevNews) -> Option<String> {
        let text = match news {
            DevNews::Registered { worker, tasks } => {
                self.seen.insert(worker.clone());
                let again = !self.workers.insert(worker.clone());
                let again = if again { " again" } else { "" };
                format!("worker {worker} registered{again}, offers {}", names(tasks))
            }
            DevNews::Submitted { job } => {
                let open = OpenJob {
                    since: now,
                    told: None,
                };
                self.open.insert(job.clone(), open);
                format!("job {} submitted", short(job))
            }
            DevNews::HandedOut {
                job, task, worker, ..
            } => {
                self.handed_out += 1;
                format!("job {}: {task} goes to {worker}", short(job))
            }
            DevNews::Progress {
                job,
                progress,
                message,
            } => {
                let open = self.open.get_mut(job)?;
                if open.told.is_some_and(|told| now < told + PROGRESS_EVERY) {
                    return None;
                }
                open.told = Some(now);
                let message = message.as_deref().unwrap_or_default();
                let progress = progress.as_ref().map(percent).unwrap_or_default();
                format!("job {}: {progress} {message}", short(job))
            }
            DevNews::Answered {
                job, status, error, ..
            } => {
                let error = error.as_ref().map(told).unwrap_or_default();
                format!("job {}: result {status}{error}", short(job))
            }
            DevNews::Ended { job, state } => {
                let took = self
                    .open
                    .remove(job)
                    .map(|open| now.saturating_sub(open.since));
                let took = took.unwrap_or_default().as_secs_f64();
                format!("job {} {} after {took:.2} s", short(job), word(*state))
            }
            _ => return None,
        };
        Some(stamped(now, &text))
    }

    /// The lines for workers that are not known any more.
    pub(super) fn gone(&mut self, now: Duration, known: &[String]) -> Vec<String> {
        let is_gone = |worker: &String| !known.contains(worker);
        let gone: Vec<String> = self.workers.extract_if(.., is_gone).collect();
        let gone = gone.iter().map(|worker| {
            let text = format!("worker {worker} is gone: no sign of life for too long");
            stamped(now, &text)
        });
        gone.collect()
    }

    /// What there is to say in the end.
    pub(super) fn summary(&self, ran: Duration, jobs: JobCounts) -> String {
        let open = jobs.waiting + jobs.running;
        format!(
            "ran {:.1} s; workers seen: {}; tasks handed out: {}; jobs: {} finished, {} failed, \
             {} in quarantine, {} cancelled, {open} left open\n",
            ran.as_secs_f64(),
            self.seen.len(),
            self.handed_out,
            jobs.finished,
            jobs.failed,
            jobs.quarantined,
            jobs.cancelled,
        )
    }
}

/// A line with the time before it.
pub(super) fn stamped(now: Duration, text: &str) -> String {
    let text = on_one_line(text.trim_end());
    format!("{:>9.3}  {text}\n", now.as_secs_f64())
}

fn names(tasks: &[TaskName]) -> String {
    match tasks {
        [] => "nothing".to_owned(),
        tasks => {
            let names: Vec<&str> = tasks.iter().map(TaskName::as_str).collect();
            names.join(", ")
        }
    }
}

/// Enough of an id to tell jobs apart.
fn short(job: &JobId) -> &str {
    let id = job.as_str();
    id.char_indices().nth(8).map_or(id, |(end, _)| &id[..end])
}

fn word(state: JobState) -> &'static str {
    match state {
        JobState::Finished => "finished",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Quarantined => "went into quarantine",
        _ => "ended",
    }
}

/// Progress is a share of 1 or of 100, depending on who sends it.
fn percent(progress: &Value) -> String {
    match progress.as_f64() {
        Some(share @ 0.0..=1.0) => format!("{:.0} %", share * 100.0),
        Some(percent) => format!("{percent:.0} %"),
        None => progress.to_string(),
    }
}

fn told(error: &Value) -> String {
    match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) => format!(" {code}: {message}"),
        _ => format!(" {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_told_from_its_beginning_to_its_end() {
        let mut log = Log::default();
        let job = || JobId::from("0123456789");
        let at = Duration::from_millis;
        let progress = |value: Value| DevNews::Progress {
            job: job(),
            progress: Some(value),
            message: Some("half".to_owned()),
        };
        let mut line = |now, news| log.line(at(now), &news);
        assert_eq!(
            line(0, DevNews::Submitted { job: job() }).unwrap(),
            "    0.000  job 01234567 submitted\n"
        );
        let told = line(100, progress(json!(0.5))).unwrap();
        assert!(told.ends_with("job 01234567: 50 % half\n"), "{told}");
        assert_eq!(line(599, progress(json!(60))), None);
        let told = line(600, progress(json!(60))).unwrap();
        assert!(told.ends_with("60 % half\n"), "{told}");
        let error = json!({"code": "TRANSIENT_ERROR", "message": "no\nluck"});
        let answered = DevNews::Answered {
            job: job(),
            task_id: "t".into(),
            status: "failure".to_owned(),
            error: Some(error),
        };
        let told = line(700, answered).unwrap();
        assert!(
            told.ends_with("result failure TRANSIENT_ERROR: no\\nluck\n"),
            "{told}"
        );
        let state = JobState::Finished;
        let told = line(1250, DevNews::Ended { job: job(), state }).unwrap();
        assert!(told.ends_with("finished after 1.25 s\n"), "{told}");
    }

    #[test]
    fn workers_come_again_and_go() {
        let mut log = Log::default();
        let registered = |worker: &str| DevNews::Registered {
            worker: worker.to_owned(),
            tasks: vec!["a".into(), "b".into()],
        };
        let now = Duration::ZERO;
        let told = log.line(now, &registered("w")).unwrap();
        assert!(told.ends_with("worker w registered, offers a, b\n"));
        let told = log.line(now, &registered("w")).unwrap();
        assert!(told.contains("registered again"));
        assert_eq!(log.gone(now, &["w".to_owned()]), [""; 0]);
        assert_eq!(log.gone(now, &[]).len(), 1);
        assert_eq!(log.gone(now, &[]), [""; 0]);
        let summary = log.summary(now, JobCounts::default());
        assert!(summary.contains("workers seen: 1;"), "{summary}");
    }
}
