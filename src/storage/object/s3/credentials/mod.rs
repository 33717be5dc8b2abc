//! The keys that requests are signed with.

mod places;
mod remote;
mod time;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ::s3::creds::Credentials;
use tokio::sync::Mutex;

use self::places::{Environment, Place};
use crate::config::{StorageSettings, Token, reload_secrets_soon};
use crate::storage::object::{ObjectUri, StorageError};

/// Keys that end sooner than this are renewed.
const EARLY: Duration = Duration::from_mins(5);
/// After keys were read again in vain, for this long they are not: the services that hand
/// them out should not be asked with every request that is refused.
const VAIN: Duration = Duration::from_secs(10);

/// Keys of the settings, or of the first of the standard places of AWS that has some.
pub(super) struct Keys {
    /// Those of the settings, which may be in files and change there.
    given: Option<Given>,
    region: String,
    environment: Environment,
    found: Mutex<Found>,
}

struct Given {
    access: Token,
    secret: Token,
    session: Option<Token>,
}

impl Given {
    fn now(&self) -> Arc<Credentials> {
        let session = self.session.as_ref().map(Token::expose);
        Held::new(self.access.expose(), self.secret.expose(), session, None).credentials
    }
}

/// What the standard places have said.
#[derive(Default)]
struct Found {
    held: Option<Held>,
    /// When keys were last read again and were the same, or there were none.
    in_vain: Option<Instant>,
}

/// One set of keys.
#[derive(Clone)]
struct Held {
    credentials: Arc<Credentials>,
    ends: Option<SystemTime>,
}

impl Held {
    fn new(access: &str, secret: &str, token: Option<&str>, ends: Option<SystemTime>) -> Self {
        let mut credentials = Keys::none();
        credentials.access_key = Some(access.to_owned());
        credentials.secret_key = Some(secret.to_owned());
        credentials.session_token = token.map(str::to_owned);
        Self {
            credentials: Arc::new(credentials),
            ends,
        }
    }

    fn lasts(&self, for_another: Duration) -> bool {
        self.ends
            .is_none_or(|ends| SystemTime::now() + for_another < ends)
    }
}

impl Keys {
    pub(super) fn new(settings: &StorageSettings) -> Self {
        let pair = settings.access_key.clone().zip(settings.secret_key.clone());
        Self {
            given: pair.map(|(access, secret)| Given {
                access,
                secret,
                session: settings.session_token.clone(),
            }),
            region: settings.region.clone(),
            environment: Environment::of_process(),
            found: Mutex::default(),
        }
    }

    /// No keys at all.
    pub(super) fn none() -> Credentials {
        Credentials::anonymous().unwrap_or_else(|_| unreachable!("it reads nothing"))
    }

    /// Good keys. Whoever asks meanwhile waits for the same answer.
    pub(super) async fn get(&self, uri: &ObjectUri) -> Result<Arc<Credentials>, StorageError> {
        if let Some(given) = &self.given {
            return Ok(given.now());
        }
        let mut found = self.found.lock().await;
        match &found.held {
            Some(keys) if keys.lasts(EARLY) => return Ok(Arc::clone(&keys.credentials)),
            _ => {}
        }
        match (self.load().await, &found.held) {
            (Ok(keys), _) => {
                let credentials = Arc::clone(&keys.credentials);
                found.held = Some(keys);
                Ok(credentials)
            }
            (Err(reason), Some(old)) if old.lasts(Duration::ZERO) => {
                tracing::warn!(%reason, "storage keys were not renewed and end soon");
                Ok(Arc::clone(&old.credentials))
            }
            (Err(reason), _) => Err(StorageError::unavailable(uri, reason)),
        }
    }

    /// Reads the keys again after the storage refused some. Returns `None` if there are no
    /// others. Keys may end sooner than was said, or be replaced where nobody says when.
    pub(super) async fn instead_of(&self, refused: &Arc<Credentials>) -> Option<Arc<Credentials>> {
        if let Some(given) = &self.given {
            reload_secrets_soon();
            let now = given.now();
            return (!is_same(&now, refused)).then_some(now);
        }
        let mut found = self.found.lock().await;
        if let Some(newer) = &found.held
            && !Arc::ptr_eq(&newer.credentials, refused)
        {
            return Some(Arc::clone(&newer.credentials));
        }
        if found.in_vain.is_some_and(|at| at.elapsed() < VAIN) {
            return None;
        }
        match self.load().await {
            Ok(keys) if !is_same(&keys.credentials, refused) => {
                tracing::info!("storage refused its keys, others were read");
                let credentials = Arc::clone(&keys.credentials);
                found.held = Some(keys);
                return Some(credentials);
            }
            Ok(_) => tracing::debug!("storage refused its keys, and there are no others"),
            Err(reason) => {
                tracing::warn!(%reason, "storage refused its keys, and they cannot be read again");
            }
        }
        found.in_vain = Some(Instant::now());
        None
    }

    async fn load(&self) -> Result<Held, String> {
        let place = Place::find(&self.environment);
        place.load(&self.environment, &self.region).await
    }
}

fn is_same(one: &Credentials, other: &Credentials) -> bool {
    let parts = |it: &Credentials| (it.access_key.clone(), it.secret_key.clone());
    parts(one) == parts(other)
        && one.secret_key == other.secret_key
        && one.session_token == other.session_token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refused_keys_are_read_again_where_they_came_from() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("credentials");
        let write = |access: &str| {
            let text = format!("[default]\naws_access_key_id={access}\naws_secret_access_key=s\n");
            std::fs::write(&file, text).unwrap();
        };
        let path = file.to_str().unwrap();
        let keys = Keys {
            environment: Environment::with(&[("AWS_SHARED_CREDENTIALS_FILE", path)]),
            ..Keys::new(&StorageSettings::default())
        };
        let uri = ObjectUri::new("b", "k");
        write("first");
        let first = keys.get(&uri).await.unwrap();
        write("second");
        let held = keys.get(&uri).await.unwrap();
        assert!(Arc::ptr_eq(&held, &first), "not read with each request");
        let second = keys.instead_of(&first).await.unwrap();
        assert_eq!(second.access_key.as_deref(), Some("second"));
        // Another request that was refused before learns of it without reading.
        write("third");
        let again = keys.instead_of(&first).await.unwrap();
        assert!(Arc::ptr_eq(&again, &second));
        // The same keys once more are no others, and are not looked for at once.
        write("second");
        assert!(keys.instead_of(&second).await.is_none());
        write("third");
        assert!(keys.instead_of(&second).await.is_none());
    }

    #[tokio::test]
    async fn keys_of_the_settings_have_a_session_and_stay() {
        let settings = StorageSettings {
            access_key: Some("a".into()),
            secret_key: Some("s".into()),
            session_token: Some("t".into()),
            ..StorageSettings::default()
        };
        let keys = Keys::new(&settings);
        let given = keys.get(&ObjectUri::new("b", "k")).await.unwrap();
        assert_eq!(given.session_token.as_deref(), Some("t"));
        assert!(keys.instead_of(&given).await.is_none());
    }
}
