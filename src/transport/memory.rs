//! An orchestrator inside the process, for tests and examples.
