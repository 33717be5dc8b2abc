//! `axon-worker dev`: an orchestrator for development as a program of its own, with what
//! happens there as a log. Nothing outlives it, and nobody outside this machine reaches it.

mod faults;
mod log;
mod session;

use std::process::ExitCode;
use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, DevOrchestratorBuilder, Dialect, Quirks, RateLimits};

use crate::terminal;
use faults::FaultRule;

/// Runs an orchestrator in memory until Ctrl-C. Not for production.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // switches, each on its own
pub(crate) struct Args {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Which version of RXON it speaks
    #[arg(long, value_name = "VERSION", default_value = "1.0b17", value_parser = ["1.0b2", "1.0b17"])]
    rxon_version: String,
    /// The token of all workers without one of their own
    #[arg(long, env = "AXON_DEV_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The token of one worker; can be repeated
    #[arg(long, value_name = "WORKER=TOKEN")]
    worker_token: Vec<String>,
    /// The token that `submit` has to show; without it every program of this machine may
    #[arg(long, env = "AXON_CLIENT_TOKEN", hide_env_values = true)]
    client_token: Option<String>,
    /// The secret that tasks are signed with (1.0b17)
    #[arg(long, env = "AXON_DEV_TASK_SECRET", hide_env_values = true)]
    task_secret: Option<String>,
    /// How long a poll is held when there is no task
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    poll_hold: Duration,
    /// How long a worker is known after its last sign of life
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    lease: Duration,
    /// How often a task is tried again after failures that may pass
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    max_retries: u32,
    /// Handle every request of a worker only after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    latency: Option<Duration>,
    /// Let requests go wrong, such as `result:503:3`, `poll:drop` or
    /// `heartbeat:delay=0.5:always`; can be repeated
    #[arg(long, value_name = "ENDPOINT:FAULT[:TIMES]", value_parser = FaultRule::parse)]
    fault: Vec<FaultRule>,
    /// Refuse workers that ask too often, as the real orchestrators do
    #[arg(long)]
    rate_limits: bool,
    /// Give up on jobs that no free worker can take, as the real orchestrators do
    #[arg(long)]
    no_queue: bool,
    /// Lose the task of a poll that was cut off, as the real orchestrators do
    #[arg(long)]
    lose_aborted_polls: bool,
    /// How far its clock is ahead of this machine's
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    clock_offset: i64,
    /// Be a `DistWorker` controller as well, on this port or any that is free
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    distworker: Option<u16>,
    /// Do not tell what happens
    #[arg(long)]
    quiet: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok();
    let time = number.and_then(|it| Duration::try_from_secs_f64(it).ok());
    time.ok_or_else(|| "a number of seconds".to_owned())
}

pub(crate) fn main(args: Args) -> ExitCode {
    match actix_rt::System::new().block_on(session::run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}

impl Args {
    fn dialect(&self) -> Dialect {
        match self.rxon_version.as_str() {
            "1.0b2" => Dialect::V1_0b2,
            _ => Dialect::V1_0b17,
        }
    }

    fn builder(&self) -> Result<DevOrchestratorBuilder, session::Error> {
        let quirks = Quirks {
            rate_limits: self.rate_limits.then(RateLimits::default),
            no_queue: self.no_queue,
            aborted_polls_lose_tasks: self.lose_aborted_polls,
            clock_offset: self.clock_offset,
            ..Quirks::default()
        };
        let mut builder = DevOrchestrator::builder()
            .port(self.port)
            .dialect(self.dialect())
            .poll_hold(self.poll_hold)
            .lease(self.lease)
            .max_retries(self.max_retries)
            .quirks(quirks)
            // It may run for days; what happens is told, not kept.
            .record(false);
        if let Some(token) = &self.token {
            builder = builder.token(token.as_str());
        }
        for pair in &self.worker_token {
            // Not a parser of clap, which would repeat what may be a token.
            let (worker, token) = pair.split_once('=').ok_or(session::Error::WorkerToken)?;
            builder = builder.worker_token(worker, token);
        }
        if let Some(token) = &self.client_token {
            builder = builder.client_token(token.as_str());
        }
        if let Some(secret) = &self.task_secret {
            builder = builder.task_secret(secret.as_str());
        }
        Ok(builder)
    }
}
