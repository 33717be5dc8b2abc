//! A signing key that follows its secret.

use std::cell::RefCell;

use super::security::SigningKey;
use crate::config::Token;

/// The key made from a secret, which may be in a file and change there.
#[derive(Debug, Clone)]
pub(super) struct Key {
    secret: Token,
    /// Of this version of the secret.
    made: RefCell<(usize, Option<SigningKey>)>,
}

impl Key {
    pub(super) fn new(secret: &Token) -> Self {
        let key = SigningKey::new(secret.expose()).ok();
        Self {
            secret: secret.clone(),
            made: RefCell::new((secret.version(), key)),
        }
    }

    /// Does something with the key; there is none if no key can be made from the secret.
    pub(super) fn with<T>(&self, act: impl FnOnce(Option<&SigningKey>) -> T) -> T {
        let version = self.secret.version();
        if self.made.borrow().0 != version {
            let key = SigningKey::new(self.secret.expose()).ok();
            *self.made.borrow_mut() = (version, key);
        }
        act(self.made.borrow().1.as_ref())
    }
}
