//! Which variables of the worker its programs see.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::config::VARIABLES;

/// Parts of names of variables that hold secrets.
const SECRET_WORDS: [&str; 8] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "API_KEY",
];

/// Holds a token for each orchestrator.
const HOLDS_TOKENS: &str = "ORCHESTRATORS_CONFIG";

/// The environment of a program. Never shown: it may hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// Variables of its own.
    pub(crate) set: BTreeMap<String, String>,
    /// The only variables of the worker that it gets beside `PATH`; a name may end in
    /// `*`. `None`: all but secrets.
    pub(crate) inherit: Option<Vec<String>>,
}

impl Environment {
    /// The variables of a program, of which the worker has `ours`.
    pub(crate) fn of_child(
        &self,
        ours: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let mut theirs: BTreeMap<OsString, OsString> = ours
            .into_iter()
            .filter(|(name, _)| self.lets_through(&name.to_string_lossy()))
            .collect();
        for (name, value) in &self.set {
            theirs.insert(name.into(), value.into());
        }
        theirs
    }

    fn lets_through(&self, name: &str) -> bool {
        match &self.inherit {
            None => !is_secret(name),
            Some(names) => {
                name == "PATH"
                    || names.iter().any(|known| match known.strip_suffix('*') {
                        Some(start) => name.starts_with(start),
                        None => name == known,
                    })
            }
        }
    }
}

/// Whether a variable of this name is likely to hold a secret, to be on the safe side.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_ours = |name: &str| {
        VARIABLES
            .iter()
            .any(|variable| variable.kind.is_secret() && variable.name == name)
    };
    name == HOLDS_TOKENS || is_ours(&name) || SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(environment: &Environment) -> Vec<String> {
        let ours = [
            "PATH",
            "HOME",
            "WORKER_TOKEN",
            "WORKER_INDIVIDUAL_TOKEN",
            "S3_SECRET_KEY",
            "S3_ACCESS_KEY",
            "AXON_ADMIN_TOKEN",
            "ORCHESTRATOR_SECRET_KEY",
            "SECRET_KEY",
            "DISTWORKER_WORKER_TOKEN",
            "ORCHESTRATORS_CONFIG",
            "aws_secret_access_key",
            "DB_PASSWORD",
            "HF_HOME",
            "HF_TOKEN",
        ];
        let ours = ours.map(|name| (name.into(), "value".into()));
        let child = environment.of_child(ours);
        child
            .keys()
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn secrets_stay_with_the_worker() {
        assert_eq!(names(&Environment::default()), ["HF_HOME", "HOME", "PATH"]);
    }

    #[test]
    fn every_secret_setting_of_the_worker_is_a_secret() {
        for variable in VARIABLES.iter().filter(|v| v.kind.is_secret()) {
            assert!(is_secret(variable.name), "{}", variable.name);
        }
    }

    #[test]
    fn what_is_named_is_let_through_and_nothing_else() {
        let inherit = |names: &[&str]| Environment {
            set: BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]),
            inherit: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        };
        assert_eq!(names(&inherit(&[])), ["LANG", "PATH"]);
        assert_eq!(
            names(&inherit(&["HF_*"])),
            ["HF_HOME", "HF_TOKEN", "LANG", "PATH"]
        );
    }
}
