//! RXON, the protocol of the Avtomatika orchestrator.
