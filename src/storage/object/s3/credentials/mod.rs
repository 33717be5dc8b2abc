//! The keys that requests are signed with.

mod places;
mod remote;
mod time;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::s3::creds::Credentials;
use tokio::sync::Mutex;

use self::places::{Environment, Place};
use crate::config::{StorageSettings, Token};
use crate::storage::object::{ObjectUri, StorageError};

/// Keys that end sooner than this are renewed.
const EARLY: Duration = Duration::from_mins(5);

/// Keys of the settings, or of the first of the standard places of AWS that has some.
pub(super) struct Keys {
    /// Those of the settings, which may be in files and change there.
    given: Option<(Token, Token)>,
    region: String,
    environment: Environment,
    held: Mutex<Option<Held>>,
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
        let (access, secret) = (settings.access_key.clone(), settings.secret_key.clone());
        Self {
            given: access.zip(secret),
            region: settings.region.clone(),
            environment: Environment::of_process(),
            held: Mutex::default(),
        }
    }

    /// No keys at all.
    pub(super) fn none() -> Credentials {
        Credentials::anonymous().unwrap_or_else(|_| unreachable!("it reads nothing"))
    }

    /// Good keys. Whoever asks meanwhile waits for the same answer.
    pub(super) async fn get(&self, uri: &ObjectUri) -> Result<Credentials, StorageError> {
        if let Some((access, secret)) = &self.given {
            let keys = Held::new(access.expose(), secret.expose(), None, None);
            return Ok((*keys.credentials).clone());
        }
        let mut held = self.held.lock().await;
        match &*held {
            Some(keys) if keys.lasts(EARLY) => return Ok((*keys.credentials).clone()),
            _ => {}
        }
        let found = Place::find(&self.environment).load(&self.environment, &self.region);
        match (found.await, &*held) {
            (Ok(keys), _) => {
                let credentials = (*keys.credentials).clone();
                *held = Some(keys);
                Ok(credentials)
            }
            (Err(reason), Some(old)) if old.lasts(Duration::ZERO) => {
                tracing::warn!(%reason, "storage keys were not renewed and end soon");
                Ok((*old.credentials).clone())
            }
            (Err(reason), _) => Err(StorageError::unavailable(uri, reason)),
        }
    }
}
