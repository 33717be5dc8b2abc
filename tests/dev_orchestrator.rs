//! The development orchestrator over HTTP, from a plain client's side.

#[path = "dev_orchestrator/captured.rs"]
mod captured;
#[path = "dev_orchestrator/captures.rs"]
mod captures;
#[path = "dev_orchestrator/client.rs"]
mod client;
#[path = "dev_orchestrator/clients.rs"]
mod clients;
#[path = "dev_orchestrator/http.rs"]
mod http;
#[path = "dev_orchestrator/jobs.rs"]
mod jobs;
#[path = "dev_orchestrator/polling.rs"]
mod polling;
#[path = "dev_orchestrator/sockets.rs"]
mod sockets;
#[path = "dev_orchestrator/trouble.rs"]
mod trouble;
#[path = "dev_orchestrator/v1_0b17/mod.rs"]
mod v1_0b17;
