//! Task handlers.
