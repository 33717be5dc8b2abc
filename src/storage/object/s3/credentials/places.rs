//! Where AWS programs look for keys, in the order of its own libraries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Held, remote};

/// What the environment says of keys.
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Only what begins with `AWS_`, and `HOME`.
    pub(super) fn of_process() -> Self {
        let ours = |name: &str| name.starts_with("AWS_") || name == "HOME";
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let all = std::env::vars_os().filter_map(text);
        Self(all.filter(|(name, _)| ours(name)).collect())
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    #[cfg(test)]
    pub(super) fn with(vars: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(vars.iter().map(owned).collect())
    }
}

/// One of the places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    Variables,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`.
    WebIdentity,
    /// The shared file, and the profile in it.
    File(PathBuf, String),
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `.._FULL_URI`.
    Container,
    /// The metadata service of a machine at EC2.
    Machine,
    /// None.
    Nowhere,
}

impl Place {
    pub(super) fn find(environment: &Environment) -> Self {
        let has = |name| environment.get(name).is_some();
        if has("AWS_ACCESS_KEY_ID") && has("AWS_SECRET_ACCESS_KEY") {
            return Self::Variables;
        }
        if has("AWS_WEB_IDENTITY_TOKEN_FILE") && has("AWS_ROLE_ARN") {
            return Self::WebIdentity;
        }
        let home = || Some(PathBuf::from(environment.get("HOME")?).join(".aws/credentials"));
        let file = environment.get("AWS_SHARED_CREDENTIALS_FILE");
        let profile = environment.get("AWS_PROFILE");
        if let Some(file) = file.map(PathBuf::from).or_else(home)
            && (profile.is_some() || file.exists())
        {
            return Self::File(file, profile.unwrap_or("default").to_owned());
        }
        if has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || has("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        {
            return Self::Container;
        }
        let disabled = environment.get("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Self::Nowhere;
        }
        Self::Machine
    }

    /// The keys, or why there are none. The texts hold no secret.
    pub(super) async fn load(
        self,
        environment: &Environment,
        region: &str,
    ) -> Result<Held, String> {
        match self {
            Self::Variables => {
                let var = |name| environment.get(name).unwrap_or_default();
                let token = environment.get("AWS_SESSION_TOKEN");
                let (access, secret) = (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY"));
                Ok(Held::new(access, secret, token, None))
            }
            Self::File(path, profile) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                read_profile(&text, &profile).ok_or_else(|| {
                    format!("{}: no keys in the profile {profile:?}", path.display())
                })
            }
            Self::WebIdentity => remote::web_identity(environment, region).await,
            Self::Container => remote::container(environment).await,
            Self::Machine => remote::machine(environment).await.map_err(|reason| {
                format!("no keys: S3_ACCESS_KEY and S3_SECRET_KEY are not set, nor is there any other place with keys ({reason})")
            }),
            Self::Nowhere => Err(
                "no keys: S3_ACCESS_KEY and S3_SECRET_KEY are not set, nor is there any other place with keys".to_owned(),
            ),
        }
    }
}

/// The keys of one section of the shared file.
fn read_profile(text: &str, profile: &str) -> Option<Held> {
    let mut section = BTreeMap::new();
    let mut is_ours = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            is_ours = name.trim() == profile;
        } else if is_ours
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            section.insert(name.trim().to_ascii_lowercase(), value.trim());
        }
    }
    let get = |name: &str| section.get(name).copied().filter(|value| !value.is_empty());
    Some(Held::new(
        get("aws_access_key_id")?,
        get("aws_secret_access_key")?,
        get("aws_session_token"),
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_tried_in_order() {
        let missing = ("AWS_SHARED_CREDENTIALS_FILE", "/does/not/exist");
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        let find = |vars: &[(&str, &str)]| Place::find(&Environment::with(vars));
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r")];
        assert_eq!(find(&[&keys[..], &web].concat()), Place::Variables);
        assert_eq!(find(&[keys[0], web[0], web[1]]), Place::WebIdentity);
        assert_eq!(
            find(&[missing, off, ("AWS_SECRET_ACCESS_KEY", " ")]),
            Place::Nowhere
        );
        assert_eq!(find(&[missing]), Place::Machine);
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");
        assert_eq!(find(&[missing, relative]), Place::Container);
        let named = find(&[missing, relative, ("AWS_PROFILE", "p")]);
        assert_eq!(named, Place::File(missing.1.into(), "p".into()));
    }

    #[test]
    fn a_profile_is_one_section_of_the_file() {
        let text = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=S=\n\n[ other ]\n\
                    AWS_ACCESS_KEY_ID=B\n;aws_secret_access_key = no\naws_secret_access_key = T\naws_session_token = U\n[half]\naws_access_key_id = C\n";
        let keys = |profile| {
            let held = read_profile(text, profile)?;
            let keys = (*held.credentials).clone();
            Some((keys.access_key?, keys.secret_key?, keys.session_token))
        };
        assert_eq!(keys("default"), Some(("A".into(), "S=".into(), None)));
        assert_eq!(
            keys("other"),
            Some(("B".into(), "T".into(), Some("U".into())))
        );
        assert_eq!(keys("half"), None);
        assert_eq!(keys("none"), None);
    }
}
