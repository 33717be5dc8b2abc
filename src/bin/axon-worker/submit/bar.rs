//! The progress bar: one job from 0 to 100 %, or many jobs of which some have ended. Where
//! nobody looks, lines in place of a bar.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::outcome::Progress;
use crate::terminal::on_one_line;

/// Progress of a job is shown in this many steps.
const STEPS: u64 = 1000;

#[derive(Debug)]
pub(super) struct Bar {
    jobs: usize,
    ended: usize,
    failed: usize,
    /// Where somebody looks.
    shown: Option<ProgressBar>,
    told: String,
}

impl Bar {
    pub(super) fn new(jobs: usize) -> Self {
        let shown = std::io::stderr().is_terminal().then(|| {
            let length = if jobs == 1 { STEPS } else { jobs as u64 };
            let template = if jobs == 1 {
                "{spinner} [{bar:40}] {percent:>3} % {elapsed} {wide_msg}"
            } else {
                "{spinner} [{bar:40}] {pos}/{len} {per_sec} {elapsed} {wide_msg}"
            };
            let style = ProgressStyle::with_template(template);
            let style = style.expect("the templates are good");
            let bar = ProgressBar::new(length).with_style(style.progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            jobs,
            ended: 0,
            failed: 0,
            shown,
            told: String::new(),
        }
    }

    /// How far the last job is that we looked at.
    pub(super) fn shows(&mut self, progress: &Progress) {
        let message = on_one_line(&progress.message);
        if self.jobs > 1 {
            return self.show_count();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 1000"
        )]
        let position = (progress.share * 1000.0).round() as u64;
        match &self.shown {
            Some(bar) => {
                bar.set_position(position);
                bar.set_message(message);
            }
            None => self.line(format!("{} % {message}", position / 10)),
        }
    }

    pub(super) fn ended(&mut self, is_good: bool) {
        self.ended += 1;
        self.failed += usize::from(!is_good);
        if self.jobs > 1 {
            self.show_count();
        }
    }

    fn show_count(&mut self) {
        match &self.shown {
            Some(bar) => {
                bar.set_position(self.ended as u64);
                if self.failed > 0 {
                    bar.set_message(format!("{} failed", self.failed));
                }
            }
            None => self.line(format!("{}/{} ended", self.ended, self.jobs)),
        }
    }

    /// Writes something else without tearing the bar.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        match &self.shown {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// It is over; so many jobs go on.
    pub(super) fn over(&mut self, left: usize) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
        if left > 0 {
            self.line(format!("the time is over: {left} jobs have not ended"));
        }
    }

    /// A line, unless it says the same as the last one.
    fn line(&mut self, text: String) {
        if text != self.told {
            let mut out = std::io::stderr().lock();
            let _ = writeln!(out, "{}", text.trim_end());
            self.told = text;
        }
    }
}
