//! Which variables of the worker its programs see.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Once;

use tracing::info;

use super::secret::is_secret;

/// The environment of a program. Never shown: it may hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// Variables of its own.
    pub(crate) set: BTreeMap<String, String>,
    /// The only variables of the worker that it gets beside `PATH`; a name may end in
    /// `*`. `None`: all but what probably holds a secret.
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
            .filter(|(name, value)| {
                self.lets_through(&name.to_string_lossy(), &value.to_string_lossy())
            })
            .collect();
        for (name, value) in &self.set {
            theirs.insert(name.into(), value.into());
        }
        theirs
    }

    fn lets_through(&self, name: &str, value: &str) -> bool {
        match &self.inherit {
            None => !is_secret(name, value),
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

/// The variables of this process that programs do not get unless they are named in `inherit`
/// or set: they probably hold secrets.
#[must_use]
pub fn withheld_variables() -> Vec<String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let mut names: Vec<_> = std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, value)| is_secret(name, value))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

/// Tells of them, once in a process.
pub(crate) fn tell_of_withheld() {
    static TOLD: Once = Once::new();

    TOLD.call_once(|| {
        let names = withheld_variables();
        if !names.is_empty() {
            info!(
                names = names.join(", "),
                "variables that probably hold secrets are kept from programs; what they need \
                 is named in inherit, or set in environment"
            );
        }
    });
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
