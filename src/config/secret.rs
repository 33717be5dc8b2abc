//! A token that never prints.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// A secret text, such as a worker token. `Debug` and `Display` show `[REDACTED]`.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Token(SecretString);

/// The shortest secret that is hidden in texts, in bytes. What is shorter stands in many a
/// text by chance, and hiding it there would make the text unreadable and tell the secret.
pub(crate) const SHORTEST_HIDDEN: usize = 6;

impl Token {
    /// The secret itself, to be put on the wire and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the text, which comes from outside, without this secret.
    pub(crate) fn hide_in(&self, text: String) -> String {
        let secret = self.expose();
        if secret.len() >= SHORTEST_HIDDEN && text.contains(secret) {
            text.replace(secret, "[REDACTED]")
        } else {
            text
        }
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
