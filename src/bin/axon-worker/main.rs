//! The program `axon-worker`.

mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A worker that needs no Rust.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a worker whose tasks are done by other programs.
    Run(run::Args),
}

fn main() -> ExitCode {
    // Programs are started by way of this one.
    axon_worker::programs::enter();
    match Cli::parse().command {
        Command::Run(args) => run::main(args),
    }
}
