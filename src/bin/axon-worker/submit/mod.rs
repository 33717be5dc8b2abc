//! `axon-worker submit`: hands a job in, as clients of an orchestrator do, and follows it.
//! The results are on the standard output, a line of JSON for each job; everything for
//! people is on the standard error.

mod bar;
mod follow;
mod outcome;

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Access, Client, ClientError};
use crate::terminal;

/// A job did not come to a good end.
const FAILED: u8 = 1;
/// The job cannot be submitted as it is.
const WRONG: u8 = 2;
/// The orchestrator could not be asked, or the time was over.
const LOST: u8 = 3;

/// Submits jobs to `axon-worker dev`, or to a real orchestrator with a blueprint of that
/// name. Exit code 0: all jobs finished (or were accepted, without --wait); 1: one came to
/// another end; 2: the request is wrong; 3: the orchestrator cannot be reached, or the time
/// is over.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The task, or the blueprint of a real orchestrator
    task: String,
    /// The parameters: JSON, `@FILE`, or `-` for the standard input
    #[arg(
        default_value = "{}",
        value_name = "JSON|@FILE|-",
        hide_default_value = true
    )]
    params: String,
    #[command(flatten)]
    access: Access,
    /// How many such jobs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Wait for the end and show progress
    #[arg(long)]
    wait: bool,
    /// Wait for at most this time
    #[arg(long, value_name = "SECONDS", requires = "wait", value_parser = seconds)]
    timeout: Option<Duration>,
    /// The endpoint of the blueprint, unless it is `/jobs/TASK`
    #[arg(long, value_name = "PATH")]
    endpoint: Option<String>,
}

impl Args {
    /// The path of the blueprint.
    fn endpoint(&self) -> Result<String, ClientError> {
        match &self.endpoint {
            Some(path) => Ok(format!("/{}", path.trim_start_matches('/'))),
            None if axon_worker::check_identifier(&self.task).is_ok() => {
                Ok(format!("/jobs/{}", self.task))
            }
            None => Err(ClientError::Task(self.task.clone())),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok();
    let time = number.and_then(|it| Duration::try_from_secs_f64(it).ok());
    time.ok_or_else(|| "a number of seconds".to_owned())
}

pub(crate) fn main(args: Args) -> ExitCode {
    let code = match actix_rt::System::new().block_on(run(&args)) {
        Ok(code) => code,
        Err(error) => {
            terminal::complain(&error);
            error.exit_code()
        }
    };
    ExitCode::from(code)
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the parameters cannot be read from {from}: {error}")]
    Unreadable { from: String, error: std::io::Error },
    #[error("the parameters are not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Unreadable { .. } | Self::NotJson(_) => WRONG,
            Self::Client(error) if error.is_refusal() => WRONG,
            Self::Client(_) => LOST,
        }
    }
}

async fn run(args: &Args) -> Result<u8, Error> {
    let params = params(&args.params)?;
    let client = Client::new(&args.access)?;
    let endpoint = args.endpoint()?;
    let accepted = |job: &String| tell(&json!({ "job_id": job, "status": "accepted" }));
    let mut jobs = Vec::new();
    while jobs.len() < args.count as usize {
        match client.submit(&endpoint, &params).await {
            Ok(job) => jobs.push(job),
            Err(ClientError::RateLimited { wait, text }) => {
                terminal::complain(&format!(
                    "{} of {} jobs are submitted; waiting {} s: {text}",
                    jobs.len(),
                    args.count,
                    wait.as_secs(),
                ));
                tokio::time::sleep(wait).await;
            }
            Err(error) => {
                // Those before it will run all the same.
                jobs.iter().for_each(accepted);
                return Err(error.into());
            }
        }
    }
    if !args.wait {
        jobs.iter().for_each(accepted);
        return Ok(0);
    }
    let ended = follow::all(&client, jobs, args.timeout, |outcome| {
        tell(&outcome.to_json());
    })
    .await?;
    for job in &ended.left {
        tell(&json!({ "job_id": job, "status": "open" }));
    }
    Ok(if !ended.left.is_empty() {
        LOST
    } else if ended.all_finished {
        0
    } else {
        FAILED
    })
}

/// A line for the program that reads us.
fn tell(line: &Value) {
    terminal::print(&format!("{line}\n"));
}

fn params(text: &str) -> Result<Value, Error> {
    let unreadable = |from: &str| {
        let from = from.to_owned();
        move |error| Error::Unreadable { from, error }
    };
    let read = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(unreadable(file))?,
        None if text == "-" => {
            let mut read = String::new();
            let mut input = std::io::stdin().lock();
            input
                .read_to_string(&mut read)
                .map_err(unreadable("the standard input"))?;
            read
        }
        None => text.to_owned(),
    };
    serde_json::from_str(&read).map_err(Error::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_as_they_are_or_from_a_file() {
        assert_eq!(params(r#"{"a":1}"#).unwrap(), json!({"a": 1}));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1, 2]").unwrap();
        let named = format!("@{}", file.path().display());
        assert_eq!(params(&named).unwrap(), json!([1, 2]));
        assert_eq!(params("{").unwrap_err().exit_code(), WRONG);
        assert_eq!(params("@/nowhere/x").unwrap_err().exit_code(), WRONG);
    }
}
