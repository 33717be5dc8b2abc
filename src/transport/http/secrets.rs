//! The tokens of a client: what it shows, and what must not come back in a text.

use std::cell::RefCell;

use awc::http::header::HeaderValue;

use crate::config::Token;

/// The tokens that are in use.
pub(super) struct Secrets {
    /// As set by the user. Requests show it unless there is an access token.
    fixed: Token,
    lent: RefCell<Lent>,
}

/// What an orchestrator gave us.
#[derive(Default)]
struct Lent {
    header: Option<HeaderValue>,
    tokens: Vec<Token>,
}

impl Secrets {
    pub(super) fn new(fixed: Token) -> Self {
        Self {
            fixed,
            lent: RefCell::default(),
        }
    }

    /// For texts that hold no token, as there is none in them.
    pub(super) fn none() -> Self {
        Self::new(Token::from(""))
    }

    /// The header with the access token. `None`: the token of the user is shown.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        self.lent.borrow().header.clone()
    }

    /// An access token that no header can carry counts as none.
    pub(super) fn replace(&self, access: Option<Token>, refresh: Option<Token>) {
        let header = access.as_ref().and_then(|token| {
            let mut header = HeaderValue::from_str(token.expose()).ok()?;
            header.set_sensitive(true);
            Some(header)
        });
        *self.lent.borrow_mut() = Lent {
            header,
            tokens: access.into_iter().chain(refresh).collect(),
        };
    }

    /// The text without any of the tokens.
    pub(super) fn hide(&self, text: String) -> String {
        let lent = self.lent.borrow();
        let secrets = std::iter::once(&self.fixed).chain(&lent.tokens);
        secrets.fold(text, |text, secret| match secret.expose() {
            secret if !secret.is_empty() && text.contains(secret) => {
                text.replace(secret, "[REDACTED]")
            }
            _ => text,
        })
    }
}
