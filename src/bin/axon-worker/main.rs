//! The program `axon-worker`: looks at the settings of a worker and at all it will have to
//! reach (`check`), is an orchestrator for development (`dev`), submits jobs (`submit`) and
//! cancels them (`cancel`), and is a worker whose tasks are done by other programs (`run`).
//!
//! `docs/cli.md` and `docs/programs.md` say how to use it.

mod cancel;
mod check;
mod client;
mod dev;
mod run;
mod submit;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools for workers that pull tasks from an orchestrator, and a worker that needs no Rust.
#[derive(Debug, Parser)]
#[command(name = "axon-worker", version, about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// One for each module.
#[derive(Debug, Subcommand)]
enum Task {
    /// Look at the settings of a worker, and at everything it will have to reach
    Check(check::Args),
    /// Be an orchestrator for development, in memory and on the loopback address
    Dev(dev::Args),
    /// Submit a job and follow it
    Submit(submit::Args),
    /// Cancel a job
    Cancel(cancel::Args),
    /// Run a worker whose tasks are done by other programs
    Run(run::Args),
}

fn main() -> ExitCode {
    // Programs are started by way of this one.
    axon_worker::programs::enter();
    match Cli::parse().task {
        Task::Check(args) => check::main(args),
        Task::Dev(args) => dev::main(args),
        Task::Submit(args) => submit::main(args),
        Task::Cancel(args) => cancel::main(&args),
        Task::Run(args) => run::main(args),
    }
}
