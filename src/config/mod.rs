//! Settings: what they are, their defaults, and where they come from.
//!
//! Defaults, then an optional TOML file, then the environment, then the builder;
//! the later one wins.

mod secret;
mod settings;

pub use secret::Token;
pub use settings::{
    Artifact, Gpu, Intake, OrchestratorMode, OrchestratorSettings, Resources, Results, Settings,
    StorageSettings, Timing,
};
