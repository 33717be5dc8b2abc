//! Who may do what: the token rules of the real orchestrator, without certificates.

use std::collections::HashMap;
use std::fmt;

use crate::config::Token;
use crate::dev::Dialect;
use crate::transport::rxon::security::{EmptySecret, SigningKey};

/// The tokens that workers may show.
pub(crate) struct Tokens {
    global: Token,
    individual: HashMap<String, Token>,
}

impl Tokens {
    /// The token for a worker without one of its own.
    pub(crate) fn global(&self) -> &Token {
        &self.global
    }
}

/// Shows no token.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("Missing X-Worker-Token header or client certificate")]
    Missing,
    #[error("Unauthorized: Invalid token or missing worker_id hint")]
    Nameless,
    #[error("Unauthorized: Invalid individual worker token")]
    Individual,
    #[error("Unauthorized: No valid token found")]
    Wrong,
    /// An access token of another worker (1.0b17).
    #[error("Unauthorized: Access Token belongs to '{owner}', but request is for '{worker}'")]
    Elsewhere { owner: String, worker: String },
}

impl AuthError {
    pub(super) fn text(&self, dialect: Dialect) -> String {
        match self {
            Self::Missing if dialect.is_1_0b17() => format!("Unauthorized: {self}."),
            _ => self.to_string(),
        }
    }
}

impl Tokens {
    pub(crate) fn new(global: Token, individual: HashMap<String, Token>) -> Self {
        Self { global, individual }
    }

    /// The key that verifies what a worker signs: its own token, else the common one, and
    /// never an access token (1.0b17).
    pub(crate) fn signing_key(&self, worker: &str) -> Result<SigningKey, EmptySecret> {
        let token = self.individual.get(worker).unwrap_or(&self.global);
        SigningKey::new(token.expose())
    }

    /// `worker` is the id of the path, else the one the body claims.
    pub(crate) fn check(&self, token: Option<&str>, worker: Option<&str>) -> Result<(), AuthError> {
        let token = token.ok_or(AuthError::Missing)?;
        let is_global = self.global.expose() == token;
        let Some(worker) = worker else {
            return is_global.then_some(()).ok_or(AuthError::Nameless);
        };
        match self.individual.get(worker) {
            // The global token is no use for a worker with one of its own.
            Some(own) if own.expose() == token => Ok(()),
            Some(_) => Err(AuthError::Individual),
            None => is_global.then_some(()).ok_or(AuthError::Wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_individual_token_shuts_out_the_global_one() {
        let own = HashMap::from([("a".to_owned(), Token::from("own"))]);
        let tokens = Tokens::new(Token::from("global"), own);
        assert_eq!(tokens.check(None, Some("a")), Err(AuthError::Missing));
        assert_eq!(tokens.check(Some("own"), Some("a")), Ok(()));
        assert_eq!(
            tokens.check(Some("global"), Some("a")),
            Err(AuthError::Individual)
        );
        assert_eq!(tokens.check(Some("global"), Some("b")), Ok(()));
        assert_eq!(tokens.check(Some("own"), Some("b")), Err(AuthError::Wrong));
        assert_eq!(tokens.check(Some("global"), None), Ok(()));
        assert_eq!(tokens.check(Some("own"), None), Err(AuthError::Nameless));
        assert!(!format!("{tokens:?}").contains("own"));
    }
}
