//! The development orchestrator over HTTP, from a plain client's side.

#[path = "dev_orchestrator/client.rs"]
mod client;
#[path = "dev_orchestrator/jobs.rs"]
mod jobs;
