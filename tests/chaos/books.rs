//! The accounts, brought together.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, JobState};

use crate::load::Jobs;
use crate::proxy::{Ledger, Proxy};
use crate::watch::Watch;
use crate::{AT_ONCE, VIDEOS_AT_ONCE, WORKER};

/// How often a handler was called, by task.
pub(crate) fn begun(folder: &Path) -> HashMap<String, usize> {
    let mut begun = HashMap::new();
    for line in log(folder).lines() {
        if let ["begin", _, _, task, _] = line.split(' ').collect::<Vec<_>>()[..] {
            *begun.entry(task.to_owned()).or_default() += 1;
        }
    }
    begun
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("executions.log")).unwrap_or_default()
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    submitted: usize,
    states: BTreeMap<String, usize>,
    /// Jobs that did not end.
    lost: Vec<String>,
    /// Jobs that came to another end than they must.
    wrong: Vec<String>,
    executions: usize,
    /// Tasks that ran, and whose result nobody has.
    undelivered: Vec<String>,
    /// Tasks that were called twice under one id.
    same_task_again: usize,
    /// Jobs that must succeed at once and ran more often.
    repeated_jobs: usize,
    over_capacity: usize,
    most_at_once: usize,
    most_videos: usize,
    peak_in_hand: usize,
    stale: u64,
    accepted_again: usize,
    requests: usize,
    spoiled: usize,
    lost_on_the_way: usize,
    lost_with_process: usize,
}

impl Books {
    pub(crate) fn close(
        jobs: &Jobs,
        proxy: &Proxy,
        watch: &Watch<'_>,
        orchestrator: &DevOrchestrator,
        folder: &Path,
    ) -> Self {
        let begun = begun(folder);
        let mut books = Self {
            submitted: jobs.0.len(),
            executions: begun.values().sum(),
            same_task_again: begun.values().filter(|times| **times > 1).count(),
            stale: orchestrator.stale_results(),
            peak_in_hand: orchestrator.look(|view| view.running(WORKER)).peak,
            accepted_again: proxy.look(Ledger::accepted_again),
            requests: proxy.look(Ledger::all_seen),
            spoiled: proxy.look(Ledger::all_spoiled),
            lost_on_the_way: watch.lost_on_the_way(),
            lost_with_process: watch.lost_with_process(),
            ..Self::default()
        };
        let delivered = |task: &str| proxy.look(|ledger| ledger.accepted(task)) > 0;
        books.undelivered = begun.keys().filter(|it| !delivered(it)).cloned().collect();
        for job in &jobs.0 {
            let report = job.handle.report();
            *books
                .states
                .entry(format!("{:?}", report.state))
                .or_default() += 1;
            let line = format!("{} {} {report:?}", job.kind, report.id);
            if !report.state.is_end() || report.state == JobState::Lost {
                books.lost.push(line);
            } else if report.state != job.end || report.data != job.data {
                books.wrong.push(line);
            } else if job.end == JobState::Finished {
                let runs = report
                    .history
                    .iter()
                    .filter(|it| begun.contains_key(it.task_id.as_str()));
                books.repeated_jobs += usize::from(runs.count() > 1);
            }
        }
        books.replay(&log(folder));
        books
    }

    /// What ran at the same time, by the order of the log.
    fn replay(&mut self, log: &str) {
        let mut running: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        let mut process = "";
        for line in log.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [what, of, name, task, _] = words[..] else {
                continue;
            };
            if of != process {
                // The one before was killed.
                running.clear();
                process = of;
            }
            let now = running.entry(of).or_default();
            if what == "end" {
                now.retain(|(_, other)| *other != task);
                continue;
            }
            now.push((name, task));
            let videos = now.iter().filter(|(name, _)| name.starts_with("video"));
            let (all, videos) = (now.len(), videos.count());
            self.most_at_once = self.most_at_once.max(all);
            self.most_videos = self.most_videos.max(videos);
            self.over_capacity += usize::from(all > AT_ONCE || videos > VIDEOS_AT_ONCE);
        }
    }

    pub(crate) fn print(&self, took: Duration, seed: u64) {
        let row = |what: &str, count: &dyn std::fmt::Display| println!("  {what:<52}{count:>8}");
        println!("chaos, seed {seed}, {:.1} s:", took.as_secs_f64());
        row("jobs submitted", &self.submitted);
        for (state, count) in &self.states {
            row(&format!("jobs {}", state.to_lowercase()), count);
        }
        row("requests of the worker", &self.requests);
        row("requests spoiled", &self.spoiled);
        row("handler executions", &self.executions);
        row("results lost (jobs that never ended)", &self.lost.len());
        row(
            "executions without a delivered result",
            &self.undelivered.len(),
        );
        row("executions over a limit", &self.over_capacity);
        row("jobs that came to a wrong end", &self.wrong.len());
        row(
            &format!("most executions at once (limit {AT_ONCE})"),
            &self.most_at_once,
        );
        row(
            "most of the limited type at once (limit 1)",
            &self.most_videos,
        );
        row("tasks executed twice under one id", &self.same_task_again);
        row(
            "successful jobs executed more than once",
            &self.repeated_jobs,
        );
        row("results delivered more than once", &self.accepted_again);
        row("results that no job waited for", &self.stale);
        row(
            "hand-outs lost on the way to the worker",
            &self.lost_on_the_way,
        );
        row(
            "hand-outs lost with the killed process",
            &self.lost_with_process,
        );
        row(
            "most tasks in hand by the orchestrator's books",
            &self.peak_in_hand,
        );
    }

    pub(crate) fn check(&self) {
        assert!(
            self.lost.is_empty(),
            "jobs that never ended: {:#?}",
            self.lost
        );
        assert!(
            self.wrong.is_empty(),
            "jobs that came to a wrong end: {:#?}",
            self.wrong
        );
        assert!(
            self.undelivered.is_empty(),
            "tasks that ran without a delivered result: {:#?}",
            self.undelivered
        );
        assert_eq!(self.over_capacity, 0, "executions over a limit");
        assert_eq!(self.same_task_again, 0, "tasks executed twice under one id");
    }
}
