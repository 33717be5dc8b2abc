//! Tasks that other programs do: a process per task, or a pool of processes that stay.
//!
//! A program gets its parameters as JSON on stdin and says how far it is, and what came
//! of it, in lines of JSON on stdout. In Rust it is a handler like any other:
//!
//! ```no_run
//! use axon_worker::Worker;
//! use axon_worker::programs::{self, Program};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     programs::enter(); // for limits, and so that no program outlives a killed worker
//!     let count = Program::once(["python3", "count.py"]).ready()?;
//!     let model = Program::pool(["python3", "model.py"], 2).ready()?;
//!     let worker = Worker::builder("texts").task("count", count).task("classify", model);
//!     Ok(actix_rt::System::new().block_on(worker.run())?)
//! }
//! ```
//!
//! With no Rust at all, `axon-worker run worker.toml` is a worker whose tasks are in a
//! file ([`WorkerFile`]). `docs/programs.md` has the keys of that file, and all that is
//! said between a program and the worker.
//!
//! # How they end
//!
//! A process and all that it started are one process group. When a task is called off,
//! runs out of time or the worker ends, the group gets SIGTERM, and SIGKILL after the
//! grace time. The slot of the task stays taken until nobody of the group is left.

mod chatter;
mod enter;
mod environment;
mod exit;
mod file;
mod find;
mod group;
mod job;
mod keeper;
mod launch;
mod limits;
mod once;
mod order;
mod pool;
mod process;
mod program;
pub(crate) mod protocol;
mod secret;
mod talk;

pub use enter::enter;
pub use environment::withheld_variables;
pub use file::{WorkerFile, WorkerFileError};
pub use keeper::end_all;
pub use limits::Limits;
pub use program::{Program, ProgramError, ReadyProgram};
