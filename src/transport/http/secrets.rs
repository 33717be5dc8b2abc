//! The tokens of a client: what it shows, and what must not come back in a text.

use std::cell::RefCell;

use actix_http::header::{HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::Show;
use super::request::write_line;
use crate::config::Token;

/// The tokens that are in use.
pub(super) struct Secrets {
    header: HeaderName,
    /// As set by the user. Requests show it unless there is an access token.
    fixed: Token,
    /// Of this version of the token.
    fixed_line: RefCell<(usize, Bytes)>,
    lent: RefCell<Lent>,
}

/// What an orchestrator gave us.
#[derive(Default)]
struct Lent {
    line: Option<Bytes>,
    tokens: Vec<Token>,
}

impl Secrets {
    /// Requests show tokens in `header`, and none if `fixed` is empty.
    pub(super) fn new(header: HeaderName, fixed: Token) -> Self {
        let line = line(&header, &fixed).filter(|_| !fixed.expose().is_empty());
        Self {
            header,
            fixed_line: RefCell::new((fixed.version(), line.unwrap_or_default())),
            fixed,
            lent: RefCell::default(),
        }
    }

    /// For texts that hold no token, as there is none in them.
    pub(super) fn none() -> Self {
        Self::new(actix_http::header::AUTHORIZATION, Token::from(""))
    }

    /// Does something with the line of a request that shows the token; it may be empty.
    pub(super) fn with_line<T>(&self, show: Show, act: impl FnOnce(&[u8]) -> T) -> T {
        let lent = self.lent.borrow();
        let line = match show {
            Show::Current => lent.line.as_ref(),
            Show::Static => None,
        };
        match line {
            Some(line) => act(line),
            None => act(&self.fixed_line()),
        }
    }

    /// Follows a token that is in a file.
    fn fixed_line(&self) -> Bytes {
        let mut held = self.fixed_line.borrow_mut();
        let version = self.fixed.version();
        if held.0 != version {
            let line = line(&self.header, &self.fixed);
            *held = (version, line.unwrap_or_default());
        }
        held.1.clone()
    }

    /// An access token that no header can carry counts as none.
    pub(super) fn replace(&self, access: Option<Token>, refresh: Option<Token>) {
        let line = access.as_ref().and_then(|it| line(&self.header, it));
        *self.lent.borrow_mut() = Lent {
            line,
            tokens: access.into_iter().chain(refresh).collect(),
        };
    }

    /// The text without any of the tokens.
    pub(super) fn hide(&self, text: String) -> String {
        let lent = self.lent.borrow();
        let secrets = std::iter::once(&self.fixed).chain(&lent.tokens);
        secrets.fold(text, |text, secret| secret.hide_in(text))
    }
}

fn line(header: &HeaderName, token: &Token) -> Option<Bytes> {
    let value = HeaderValue::from_str(token.expose()).ok()?;
    let mut line = BytesMut::new();
    write_line(&mut line, header, &value);
    Some(line.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_settings_is_shown_until_there_is_another() {
        let secrets = Secrets::new(HeaderName::from_static("x-t"), "fixed".into());
        let line = |secrets: &Secrets, show| secrets.with_line(show, <[u8]>::to_vec);
        assert_eq!(line(&secrets, Show::Current), b"x-t: fixed\r\n");
        secrets.replace(Some("lent".into()), None);
        assert_eq!(line(&secrets, Show::Current), b"x-t: lent\r\n");
        assert_eq!(line(&secrets, Show::Static), b"x-t: fixed\r\n");
        secrets.replace(Some("no\nheader".into()), None);
        assert_eq!(line(&secrets, Show::Current), b"x-t: fixed\r\n");
        assert_eq!(line(&Secrets::none(), Show::Current), b"");
    }
}
