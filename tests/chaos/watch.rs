//! The part of an orchestrator that the development one lacks: a time limit for
//! tasks that were handed out and never arrived.
//!
//! It is a strict one. A task is only handed out again when the worker cannot have
//! it: the proxy did not bring it there whole, or the process that got it was killed
//! before it noted it anywhere. All else is the worker's to answer, and would be
//! missed in the end.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use axon_worker::dev::{DevOrchestrator, JobState};
use serde_json::json;

use crate::load::Jobs;
use crate::proxy::Proxy;
use crate::{STUCK, TOKEN, WORKER, books};

/// How long a hand-out may take to arrive.
const ON_THE_WAY: Duration = Duration::from_secs(3);
/// How long a new process has to report what it found in its journal.
const TO_REPORT: Duration = Duration::from_secs(15);

pub(crate) struct Watch<'a> {
    orchestrator: &'a DevOrchestrator,
    proxy: &'a Proxy,
    folder: PathBuf,
    noted: RefCell<Noted>,
}

#[derive(Default)]
struct Noted {
    lost_on_the_way: HashSet<String>,
    lost_with_process: HashSet<String>,
    /// When a process was killed, and its last connection.
    kills: Vec<(Instant, usize)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(orchestrator: &'a DevOrchestrator, proxy: &'a Proxy, folder: &Path) -> Self {
        Self {
            orchestrator,
            proxy,
            folder: folder.to_owned(),
            noted: RefCell::default(),
        }
    }

    /// To be called before the next process is started.
    pub(crate) async fn worker_was_killed(&self) {
        // What the dead one has sent is still to be read.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let last = self.proxy.look(|ledger| ledger.connections);
        self.noted.borrow_mut().kills.push((Instant::now(), last));
    }

    /// Hand-outs that the proxy did not bring to the worker.
    pub(crate) fn lost_on_the_way(&self) -> usize {
        self.noted.borrow().lost_on_the_way.len()
    }

    /// Hand-outs that were killed with the process.
    pub(crate) fn lost_with_process(&self) -> usize {
        self.noted.borrow().lost_with_process.len()
    }

    /// Waits until so many jobs have ended, seeing to what got lost.
    pub(crate) async fn until(&self, ended: usize, jobs: &Jobs) {
        let mut progress = (0, Instant::now());
        loop {
            let now = self.orchestrator.counts().ended();
            if now >= ended {
                return;
            }
            if now > progress.0 {
                progress = (now, Instant::now());
            }
            if progress.1.elapsed() > STUCK {
                // The books will say which ones are missing.
                println!("chaos: nothing ends any more at {now} of {ended}");
                return;
            }
            self.see_to_lost_tasks(jobs).await;
            let more = move |view: &axon_worker::dev::View<'_>| view.counts().ended() > now;
            let _ = self
                .orchestrator
                .wait_within(Duration::from_millis(500), more)
                .await;
        }
    }

    async fn see_to_lost_tasks(&self, jobs: &Jobs) {
        let executed = books::begun(&self.folder);
        for job in &jobs.0 {
            let report = job.handle.report();
            let Some(last) = report.history.last() else {
                continue;
            };
            if report.state != JobState::Running || last.status.is_some() {
                continue;
            }
            let out = last
                .handed_out_at
                .and_then(|at| SystemTime::now().duration_since(at).ok());
            if out.is_none_or(|out| out < ON_THE_WAY) {
                continue;
            }
            let task = last.task_id.as_str();
            if executed.contains_key(task) {
                continue;
            }
            let over = self
                .proxy
                .look(|ledger| ledger.handed_out.get(task).copied());
            let was_killed =
                |(at, last): &(Instant, usize)| over <= Some(*last) && at.elapsed() > TO_REPORT;
            let mut noted = self.noted.borrow_mut();
            if over.is_none() {
                noted.lost_on_the_way.insert(task.to_owned());
            } else if noted.kills.iter().any(was_killed) {
                noted.lost_with_process.insert(task.to_owned());
            } else {
                continue;
            }
            drop(noted);
            self.time_out(report.id.as_str(), task).await;
        }
    }

    /// Says what the time limit of an orchestrator would: the task has failed.
    async fn time_out(&self, job: &str, task: &str) {
        let failure = json!({
            "job_id": job, "task_id": task, "worker_id": WORKER, "status": "failure",
            "data": null, "data_metadata": null,
            "error": { "code": "TRANSIENT_ERROR", "message": "never arrived", "details": null },
        });
        let url = format!("{}/_worker/tasks/result", self.orchestrator.url());
        let request = awc::Client::new()
            .post(url)
            .insert_header(("X-Worker-Token", TOKEN));
        // When it does not arrive, there is another round.
        let _ = request.send_json(&failure).await;
    }
}
