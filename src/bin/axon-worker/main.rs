//! The program `axon-worker`: looks at the settings of a worker and at all it will have to
//! reach (`check`), is an orchestrator for development (`dev`), and submits jobs (`submit`).
//!
//! `docs/cli.md` says how to use it.

mod check;
mod dev;
mod submit;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools for workers that pull tasks from an orchestrator.
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
}

fn main() -> ExitCode {
    match Cli::parse().task {
        Task::Check(args) => check::main(args),
        Task::Dev(args) => dev::main(args),
        Task::Submit(args) => submit::main(args),
    }
}
