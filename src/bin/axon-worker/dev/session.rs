//! One run of the orchestrator, from its start to the signal that ends it.

use std::time::Duration;

use axon_worker::dev::{DevError, DevOrchestrator, DistController, DistEvent, NewsFeed};
use axon_worker::logging;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::log::{Log, stamped};
use super::{Args, faults};
use crate::terminal::tell;

/// How long the end waits for the last lines to be written.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
/// How often to look who is gone, and what a controller has seen.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(args: &Args) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let orchestrator = args.builder()?.start().await?;
    for rule in &args.fault {
        rule.apply(&orchestrator);
    }
    if let Some(latency) = args.latency {
        faults::delay_all(&orchestrator, latency);
    }
    let controller = match args.distworker {
        Some(port) => Some(DistController::builder().port(port).start().await?),
        None => None,
    };
    let news = orchestrator.news();
    tell(&introduction(args, &orchestrator, controller.as_ref()));
    let mut session = Session {
        since: Instant::now(),
        log: Log::default(),
        is_quiet: args.quiet,
        seen: 0,
    };
    session
        .follow(&orchestrator, controller.as_ref(), news, &mut signals)
        .await;
    let summary = session
        .log
        .summary(session.since.elapsed(), orchestrator.counts());
    tell(&format!("\n{summary}"));
    logging::flush(FLUSH_LIMIT);
    tokio::select! {
        () = orchestrator.stop() => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => {}
    }
    Ok(())
}

/// Why there is no orchestrator.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{}", told(.0))]
    Dev(#[from] DevError),
    #[error("--worker-token needs WORKER=TOKEN")]
    WorkerToken,
    #[error("signals cannot be waited for: {0}")]
    Signals(#[from] std::io::Error),
}

fn told(error: &DevError) -> String {
    match error {
        DevError::Listen { source, .. } => format!("{error}: {source}; --port takes another"),
        other => other.to_string(),
    }
}

/// What ends the program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

struct Session {
    since: Instant,
    log: Log,
    is_quiet: bool,
    /// Events of the controller that were told.
    seen: usize,
}

impl Session {
    async fn follow(
        &mut self,
        orchestrator: &DevOrchestrator,
        controller: Option<&DistController>,
        mut news: NewsFeed,
        signals: &mut Signals,
    ) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = signals.next() => break,
                Some(told) = news.next() => {
                    let line = self.log.line(self.since.elapsed(), &told);
                    self.tell(line);
                }
                _ = look.tick() => self.look(orchestrator, controller),
            }
        }
        // What happened before the signal belongs into the log and the summary.
        while let Some(told) = news.try_next() {
            let line = self.log.line(self.since.elapsed(), &told);
            self.tell(line);
        }
    }

    fn look(&mut self, orchestrator: &DevOrchestrator, controller: Option<&DistController>) {
        let now = self.since.elapsed();
        let known: Vec<String> = orchestrator.workers().into_iter().map(|it| it.id).collect();
        let gone = self.log.gone(now, &known);
        self.tell(gone);
        let Some(controller) = controller else {
            return;
        };
        let (events, seen) = controller.events_after(self.seen);
        self.seen = seen;
        let lines = events.iter().filter_map(of_controller);
        self.tell(lines.map(|text| stamped(now, &text)));
    }

    fn tell(&self, lines: impl IntoIterator<Item = String>) {
        if !self.is_quiet {
            lines.into_iter().for_each(|line| tell(&line));
        }
    }
}

/// Heartbeats are no news.
fn of_controller(event: &DistEvent) -> Option<String> {
    match event {
        DistEvent::Registered { worker_id, .. } => {
            Some(format!("controller: {worker_id} registered"))
        }
        DistEvent::Refused(why) => Some(format!("controller: a registration was refused: {why}")),
        DistEvent::Ignored(what) => Some(format!("controller: ignored: {what}")),
        DistEvent::Gone(_) => Some("controller: a connection has ended".to_owned()),
        _ => None,
    }
}

/// What one has to know to use it. Tokens that were given are not repeated.
fn introduction(
    args: &Args,
    orchestrator: &DevOrchestrator,
    controller: Option<&DistController>,
) -> String {
    let url = orchestrator.url();
    let mut lines = vec![
        format!(
            "orchestrator of RXON {} at {url}, for development only; Ctrl-C ends it",
            args.rxon_version
        ),
        String::new(),
        "workers need:".to_owned(),
        format!("  export ORCHESTRATOR_URL={url}"),
    ];
    lines.push(match &args.token {
        None => "  export WORKER_TOKEN=your-secret-worker-token".to_owned(),
        Some(_) => "  export WORKER_TOKEN=...        # as given".to_owned(),
    });
    if args.task_secret.is_some() {
        lines.push("  export ORCHESTRATOR_SECRET_KEY=...   # as given".to_owned());
    }
    if let Some(controller) = controller {
        lines.push(String::new());
        lines.push("or, for the DistWorker controller:".to_owned());
        lines.push(format!(
            "  export DISTWORKER_CONTROLLER_URL={}",
            controller.url()
        ));
        lines.push("  export DISTWORKER_PROVISIONER=example".to_owned());
        lines.push("  export DISTWORKER_WORKER_TOKEN=demo-token-123".to_owned());
    }
    lines.push(String::new());
    lines.push("jobs come with:".to_owned());
    let token = args.client_token.as_ref().map(|_| " --client-token ...");
    lines.push(format!(
        "  axon-worker submit TASK '{{\"a\": 1}}' --url {url} --wait{}",
        token.unwrap_or_default()
    ));
    lines.push(String::new());
    lines.push(String::new());
    lines.join("\n")
}
