//! The gate before polls: the worker's own resources and the checks of its user are asked,
//! and while one of them says no, no polls are sent. The heartbeat says busy, and `/ready`,
//! status, metrics and log say the same reason. Everything is asked again, so it heals by
//! itself.

mod probe;
mod reasons;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use super::heartbeat::SetUnwell;
use super::poller::{Hold, SetHold};
use crate::ready_check::ReadyCheck;
use crate::status::StatusBoard;
use crate::storage::Failures;
pub(crate) use probe::{Findings, Prober, Seat};
use reasons::{Concern, Folders, Reasons};

/// How often resources are looked at.
const EVERY: Duration = Duration::from_secs(10);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the start waits for the first one.
const FIRST: Duration = Duration::from_secs(2);
/// How much longer than its limit a check is awaited: its thread may be blocked.
const ALLOWANCE: Duration = Duration::from_secs(1);

/// What somebody has found out.
#[derive(Message)]
#[rtype(result = "()")]
enum News {
    /// A look has ended; `is_due`: it was one of the regular ones.
    Looked { findings: Findings, is_due: bool },
    /// Tasks have used their folders.
    Tried(Failures),
    /// A check has answered the question of this number.
    Checked {
        place: usize,
        question: u64,
        answer: Result<(), String>,
    },
}

/// A check and where it stands.
struct Asked {
    check: ReadyCheck,
    question: u64,
    answer: Result<(), String>,
}

/// Keeps the gate.
pub(crate) struct HealthGate {
    seat: Seat,
    /// Since when a look is under way.
    looking: Option<Instant>,
    /// Whether a probe is to follow it.
    probe_next: bool,
    folders: Folders,
    reasons: Reasons,
    checks: Vec<Asked>,
    /// Where checks run; here, if there is no other place.
    beside: Option<ArbiterHandle>,
    told: Option<Arc<str>>,
    polls_left: Duration,
    poller: Recipient<SetHold>,
    heartbeat: Recipient<SetUnwell>,
    board: Arc<StatusBoard>,
}

/// What the gate asks.
pub(crate) struct Sources {
    pub(crate) prober: Prober,
    /// Whether no task can do without files.
    pub(crate) needs_files: bool,
    pub(crate) failures: watch::Receiver<Failures>,
    pub(crate) checks: Vec<ReadyCheck>,
    /// For how long orchestrators may hold polls of the process before, which they do not know
    /// to be gone: tasks that they hand out would go there.
    pub(crate) polls_left: Duration,
    /// Whether there may be threads.
    pub(crate) beside: bool,
}

impl HealthGate {
    /// Looks for the first time, and starts the gate.
    pub(crate) async fn start_after_a_look(
        sources: Sources,
        poller: Recipient<SetHold>,
        heartbeat: Recipient<SetUnwell>,
        board: Arc<StatusBoard>,
    ) -> std::io::Result<()> {
        let place = sources.prober.place();
        let seat = if sources.beside {
            Seat::beside(sources.prober)?
        } else {
            Seat::here(sources.prober)
        };
        let first = first_look(&seat).await;
        let has_checks = !sources.checks.is_empty();
        let answer = Err("the readiness check has not answered yet".to_owned());
        let asked = |check| Asked {
            check,
            question: 0,
            answer: answer.clone(),
        };
        let mut gate = Self {
            seat,
            looking: None,
            probe_next: false,
            folders: Folders::new(place, sources.needs_files),
            reasons: Reasons::default(),
            checks: sources.checks.into_iter().map(asked).collect(),
            beside: (sources.beside && has_checks).then(|| Arbiter::new().handle()),
            told: None,
            polls_left: sources.polls_left,
            poller,
            heartbeat,
            board,
        };
        if let Some(findings) = first {
            gate.found(findings, true);
        }
        gate.note_checks();
        gate.note_earlier_polls();
        // Before the poller begins and anybody registers.
        gate.tell();
        let mut failures = sources.failures;
        HealthGate::create(|ctx| {
            let me = ctx.address().downgrade();
            actix_rt::spawn(async move {
                while failures.changed().await.is_ok() {
                    let tried = *failures.borrow_and_update();
                    match me.upgrade() {
                        Some(me) => me.do_send(News::Tried(tried)),
                        None => break,
                    }
                }
            });
            gate
        });
        Ok(())
    }

    fn look(&mut self, is_due: bool, ctx: &mut Context<Self>) {
        if self.looking.is_some() {
            self.probe_next |= !is_due;
            return;
        }
        self.looking = Some(Instant::now());
        let write = !is_due || self.reasons.has(Concern::Folders);
        let me = ctx.address();
        self.seat.look(write, move |findings| {
            me.do_send(News::Looked { findings, is_due });
        });
    }

    /// A regular look, and the next one.
    fn look_regularly(&mut self, ctx: &mut Context<Self>) {
        // There are no polls any more that this could be about.
        if self.board.is_draining() {
            ctx.stop();
            return;
        }
        if self
            .looking
            .is_some_and(|since| since.elapsed() >= PATIENCE)
        {
            let reason = "the disk of the task folders does not answer (TASK_FILES_DIR)";
            self.reasons.set(Concern::Silence, Some(reason.to_owned()));
            self.tell();
        }
        self.look(true, ctx);
        ctx.run_later(EVERY, Self::look_regularly);
    }

    fn found(&mut self, findings: Findings, is_due: bool) {
        if let Some(written) = findings.written {
            self.folders.probed(written, is_due);
        }
        let reasons = &mut self.reasons;
        reasons.set(Concern::Silence, None);
        reasons.set(Concern::Folders, self.folders.reason());
        reasons.set(Concern::FreeDisk, findings.free_disk);
        reasons.set(Concern::OpenFiles, findings.open_files);
        reasons.set(Concern::Memory, findings.memory);
    }

    /// Puts the question to one check, and sees to it that there is an answer.
    fn ask(&mut self, place: usize, ctx: &mut Context<Self>) {
        let Some(asked) = self.checks.get_mut(place) else {
            return;
        };
        asked.question += 1;
        let (question, check, me) = (asked.question, asked.check.clone(), ctx.address());
        let (late, limit) = (check.silent(), check.limit + ALLOWANCE);
        let ask = move || async move {
            let answer = check.ask().await;
            me.do_send(News::Checked {
                place,
                question,
                answer,
            });
        };
        match &self.beside {
            Some(beside) => {
                // Without its thread nobody answers, and that is seen below.
                let _ = beside.spawn_fn(move || {
                    actix_rt::spawn(ask());
                });
            }
            None => {
                actix_rt::spawn(ask());
            }
        }
        ctx.run_later(limit, move |gate, _| {
            let asked = &mut gate.checks[place];
            if asked.question == question {
                asked.answer = Err(late);
                gate.note_checks();
                gate.tell();
            }
        });
    }

    fn note_earlier_polls(&mut self) {
        let seconds = self.polls_left.as_secs_f64().ceil();
        let reason = format!(
            "orchestrators may hold polls of the process before this one for another {seconds} s, \
             and would hand them our tasks"
        );
        let reason = Some(reason).filter(|_| !self.polls_left.is_zero());
        self.reasons.set(Concern::EarlierPolls, reason);
    }

    /// The first check that says no is a reason.
    fn note_checks(&mut self) {
        let mut answers = self.checks.iter().map(|asked| &asked.answer);
        let reason = answers.find_map(|answer| answer.clone().err());
        self.reasons.set(Concern::Check, reason);
    }

    /// Tells those who have to know, if there is something new.
    fn tell(&mut self) {
        let reason = self.reasons.text();
        if reason == self.told {
            return;
        }
        match &reason {
            Some(reason) => warn!(%reason, "no more tasks are taken"),
            None => info!("tasks are taken again"),
        }
        let on = reason.is_some();
        if on != self.told.is_some() {
            let why = Hold::Unwell;
            self.poller.do_send(SetHold { why, on });
            self.heartbeat.do_send(SetUnwell(on));
        }
        self.board.set_unwell(reason.clone());
        self.told = reason;
    }
}

/// Looks at everything, so that a worker does not begin what it cannot do.
async fn first_look(seat: &Seat) -> Option<Findings> {
    let (tell, told) = oneshot::channel();
    seat.look(true, move |findings| drop(tell.send(findings)));
    tokio::time::timeout(FIRST, told).await.ok()?.ok()
}

impl Actor for HealthGate {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_later(EVERY, Self::look_regularly);
        if !self.polls_left.is_zero() {
            ctx.run_later(self.polls_left, |gate, _| {
                gate.reasons.set(Concern::EarlierPolls, None);
                gate.tell();
            });
        }
        for place in 0..self.checks.len() {
            self.ask(place, ctx);
        }
    }
}

impl Handler<News> for HealthGate {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        match news {
            News::Looked { findings, is_due } => {
                self.looking = None;
                self.found(findings, is_due);
                if std::mem::take(&mut self.probe_next) {
                    self.look(false, ctx);
                }
            }
            News::Tried(failures) => {
                let wants_probe = self.folders.tried(failures);
                self.reasons.set(Concern::Folders, self.folders.reason());
                if wants_probe {
                    self.look(false, ctx);
                }
            }
            News::Checked {
                place,
                question,
                answer,
            } => {
                let asked = &mut self.checks[place];
                if asked.question != question {
                    return;
                }
                // Whatever comes late for this question is over.
                asked.question += 1;
                asked.answer = answer;
                let every = asked.check.every;
                self.note_checks();
                ctx.run_later(every, move |gate, ctx| {
                    if !gate.board.is_draining() {
                        gate.ask(place, ctx);
                    }
                });
            }
        }
        self.tell();
    }
}
