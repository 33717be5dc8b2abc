//! Reading JSON text: strict, borrowing, and no deeper than it must.

use std::borrow::Cow;

use super::error::{CanonicalError, CanonicalProblem};

/// A place in a JSON text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// A string of the text.
#[derive(Debug)]
pub(super) enum Text<'a> {
    /// Without escapes: what is between the quotes is also its canonical form.
    Plain(&'a str),
    /// Escapes are undone.
    Unescaped(String),
}

impl<'a> Text<'a> {
    pub(super) fn into_cow(self) -> Cow<'a, str> {
        match self {
            Text::Plain(text) => Cow::Borrowed(text),
            Text::Unescaped(text) => Cow::Owned(text),
        }
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, CanonicalError> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Self { text, at: 0 }),
            Err(error) => Err(not_json(error.valid_up_to())),
        }
    }

    pub(super) fn refuse(&self) -> CanonicalError {
        not_json(self.at)
    }

    /// The next byte that is no white space, which is not taken.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes the byte that was just peeked.
    pub(super) fn take(&mut self) {
        self.at += 1;
    }

    /// Takes this byte if it comes next.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), CanonicalError> {
        if self.takes(byte) {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    /// `true`, `false` or `null`.
    pub(super) fn word(&mut self, word: &str) -> Result<(), CanonicalError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    pub(super) fn end(&mut self) -> Result<(), CanonicalError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.refuse()),
        }
    }

    /// The text of a number; the next byte is `-` or a digit.
    pub(super) fn number(&mut self) -> Result<&'a str, CanonicalError> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// At least one.
    fn digits(&mut self) -> Result<(), CanonicalError> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.iter().take_while(|b| b.is_ascii_digit()).count() {
            0 => Err(self.refuse()),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// A string; the opening quote is taken.
    pub(super) fn string(&mut self) -> Result<Text<'a>, CanonicalError> {
        let start = self.at;
        match self.ordinary()? {
            b'"' => {
                let text = &self.text[start..self.at];
                self.at += 1;
                Ok(Text::Plain(text))
            }
            _ => self.unescape(start).map(Text::Unescaped),
        }
    }

    /// Goes to the next quote or backslash and says which it is.
    fn ordinary(&mut self) -> Result<u8, CanonicalError> {
        let rest = &self.text.as_bytes()[self.at..];
        let special = |&b: &u8| b == b'"' || b == b'\\' || b < 0x20;
        let length = rest.iter().position(special);
        self.at += length.unwrap_or(rest.len());
        match self.byte() {
            Some(byte @ (b'"' | b'\\')) => Ok(byte),
            _ => Err(self.refuse()), // the end, or a control character
        }
    }

    fn unescape(&mut self, start: usize) -> Result<String, CanonicalError> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            let from = self.at;
            let special = self.ordinary()?;
            text.push_str(&self.text[from..self.at]);
            if special == b'"' {
                self.at += 1;
                return Ok(text);
            }
            text.push(self.escaped()?);
        }
    }

    /// The character that an escape stands for; at its backslash.
    fn escaped(&mut self) -> Result<char, CanonicalError> {
        self.at += 1;
        let letter = self.byte().ok_or_else(|| self.refuse())?;
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(self.refuse()),
        };
        self.at += 1;
        Ok(character)
    }

    /// `u` and four digits, twice for a pair of surrogates.
    fn code_point(&mut self) -> Result<char, CanonicalError> {
        let unit = self.code_unit()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        // A surrogate: only the first half of a pair may stand here.
        if unit >= 0xDC00 || self.byte() != Some(b'\\') {
            return Err(self.refuse());
        }
        self.at += 1;
        let low = self.code_unit()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(self.refuse());
        }
        let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(code).ok_or_else(|| self.refuse())
    }

    fn code_unit(&mut self) -> Result<u32, CanonicalError> {
        let end = self.at + 5;
        let four = match self.text.as_bytes().get(self.at..end) {
            Some([b'u', four @ ..]) if four.iter().all(u8::is_ascii_hexdigit) => four,
            _ => return Err(self.refuse()),
        };
        let digit = |&b: &u8| char::from(b).to_digit(16).unwrap_or_default();
        let unit = four.iter().map(digit).fold(0, |unit, d| unit << 4 | d);
        self.at = end;
        Ok(unit)
    }
}

fn not_json(at: usize) -> CanonicalError {
    CanonicalError::new(CanonicalProblem::NotJson(at))
}
