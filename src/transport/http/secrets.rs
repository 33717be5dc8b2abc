//! The tokens of a client: what it shows, and what must not come back in a text.

use std::cell::RefCell;

use awc::http::header::{HeaderName, HeaderValue};

use super::Credential;
use crate::config::Token;

/// The tokens that are in use.
pub(super) struct Secrets {
    header: HeaderName,
    /// As set by the user. Requests show it unless there is an access token.
    fixed: Token,
    lent: RefCell<Lent>,
}

/// What an orchestrator gave us.
#[derive(Default)]
struct Lent {
    access: Option<HeaderValue>,
    tokens: Vec<Token>,
}

impl Secrets {
    /// Requests show tokens in `header`, and none if `fixed` is empty.
    pub(super) fn new(header: HeaderName, fixed: Token) -> Self {
        Self {
            header,
            fixed,
            lent: RefCell::default(),
        }
    }

    /// For texts that hold no token, as there is none in them.
    pub(super) fn none() -> Self {
        Self::new(awc::http::header::AUTHORIZATION, Token::from(""))
    }

    /// Returns the header that shows a token, if there is one to show.
    pub(super) fn header(&self, credential: Credential) -> Option<(HeaderName, HeaderValue)> {
        let access = match credential {
            Credential::Current => self.lent.borrow().access.clone(),
            Credential::Static => None,
        };
        let has_fixed = !self.fixed.expose().is_empty();
        let fixed = || has_fixed.then(|| value_of(&self.fixed)).flatten();
        Some((self.header.clone(), access.or_else(fixed)?))
    }

    /// Replaces what the orchestrator gave us. An access token that no header can carry
    /// counts as none.
    pub(super) fn replace(&self, access: Option<Token>, refresh: Option<Token>) {
        *self.lent.borrow_mut() = Lent {
            access: access.as_ref().and_then(value_of),
            tokens: access.into_iter().chain(refresh).collect(),
        };
    }

    /// Returns the text without any of the tokens.
    pub(super) fn hide(&self, text: String) -> String {
        let lent = self.lent.borrow();
        let secrets = std::iter::once(&self.fixed).chain(&lent.tokens);
        secrets.fold(text, |text, secret| secret.hide_in(text))
    }
}

/// Marked as sensitive, so that its `Debug` text does not tell it.
fn value_of(token: &Token) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
