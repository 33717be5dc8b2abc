//! Loading, from the outside: variables and files in, settings, warnings and problems out.

mod arbitrary;
mod files;
mod mistaken;
mod newer;
mod origins;
mod reference;
mod secrets;
mod telemetry;
mod values;
mod vectors;

use super::{Loaded, Settings};

/// Loads from these variables.
fn load(vars: &[(&str, &str)]) -> Result<Loaded, super::ConfigError> {
    Settings::from_vars(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn good(vars: &[(&str, &str)]) -> Settings {
    load(vars).unwrap().settings
}

fn told(vars: &[(&str, &str)]) -> String {
    load(vars).unwrap_err().to_string()
}

fn warnings(vars: &[(&str, &str)]) -> Vec<String> {
    // A token, so that the warning about the default one is not among them.
    let vars: Vec<_> = [("WORKER_TOKEN", "token-t")]
        .into_iter()
        .chain(vars.iter().copied())
        .collect();
    load(&vars).unwrap().warnings
}
