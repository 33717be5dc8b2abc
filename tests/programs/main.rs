//! `axon-worker run` with real programs, processes and signals, against the development
//! orchestrator.

mod support;

mod ends;
mod example;
mod hostile;
mod library;
mod limits;
mod mistakes;
mod once;
mod pool;
mod queues;
