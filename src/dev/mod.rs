//! A development orchestrator: RXON's server side in memory, for examples and tests.
