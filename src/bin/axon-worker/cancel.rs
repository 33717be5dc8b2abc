//! `axon-worker cancel`: cancels a job, as clients of an orchestrator do.

use std::process::ExitCode;

use serde_json::json;

use crate::client::{Access, Client, ClientError};
use crate::terminal;

/// There is no such job any more, or the request is wrong.
const WRONG: u8 = 2;
/// The orchestrator could not be asked.
const LOST: u8 = 3;

/// Cancels a job of `axon-worker dev`, or of a real orchestrator. Exit code 0: the
/// orchestrator has accepted it; 2: there is no such job, it has ended, or the request is
/// wrong; 3: the orchestrator cannot be reached.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of the job, as `submit` printed it
    job: String,
    #[command(flatten)]
    access: Access,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    let answer: Result<_, ClientError> = actix_rt::System::new()
        .block_on(async { Client::new(&args.access)?.cancel(&args.job).await });

    match answer {
        Ok(answer) => {
            let line = json!({ "job_id": args.job, "status": answer["status"] });
            terminal::print(&format!("{line}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            terminal::complain(&error);
            ExitCode::from(if error.is_refusal() { WRONG } else { LOST })
        }
    }
}
