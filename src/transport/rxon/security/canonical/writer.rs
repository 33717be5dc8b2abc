//! Writing the canonical form while reading the text.

use std::borrow::Cow;
use std::ops::Range;

use super::error::{CanonicalError, CanonicalProblem};
use super::number::{self, TooLarge};
use super::scan::{Scanner, Text};
use super::{DEEPEST, Fields, NEVER_SIGNED};

/// One run over one text.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    scanner: Scanner<'a>,
    fields: Fields<'a>,
    out: Vec<u8>,
    /// Members of the objects that are open now, the innermost last.
    members: Vec<Member<'a>>,
    /// For putting members in order.
    spare: Vec<u8>,
    /// In the member `params_metadata` of a task.
    in_file_metadata: bool,
    /// In a member that is not signed, where every number may stand.
    in_unsigned: bool,
    /// Members of the root that go out but are not signed, each with a comma in front.
    apart: Vec<u8>,
}

/// A member of an object that is being written.
#[derive(Debug)]
struct Member<'a> {
    name: Cow<'a, str>,
    /// Where `"name":value` is in the output; empty if it is left out.
    written: Range<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(text: &'a [u8], fields: Fields<'a>) -> Result<Self, CanonicalError> {
        Ok(Self {
            scanner: Scanner::new(text)?,
            fields,
            out: Vec::with_capacity(text.len()),
            // As many as most messages have.
            members: Vec::with_capacity(16),
            spare: Vec::new(),
            in_file_metadata: false,
            in_unsigned: false,
            apart: Vec::new(),
        })
    }

    pub(super) fn write(self) -> Result<Vec<u8>, CanonicalError> {
        self.write_apart().map(|(signed, _)| signed)
    }

    /// What is signed, and the members that are left out but for those that replace each
    /// other with every signature.
    pub(super) fn write_apart(mut self) -> Result<(Vec<u8>, Vec<u8>), CanonicalError> {
        self.value(0)?;
        self.scanner.end()?;
        Ok((self.out, self.apart))
    }

    fn value(&mut self, depth: usize) -> Result<(), CanonicalError> {
        let first = self.scanner.peek().ok_or_else(|| self.scanner.refuse())?;
        if depth > DEEPEST {
            return Err(CanonicalError::new(CanonicalProblem::TooDeep));
        }
        match first {
            b'"' => {
                self.scanner.take();
                let text = self.scanner.string()?;
                self.text(&text);
                Ok(())
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => {
                let text = self.scanner.number()?;
                match number::write(text, &mut self.out) {
                    Ok(()) => Ok(()),
                    // rxon reads it as a float and drops it before it signs.
                    Err(TooLarge) if self.in_unsigned => {
                        self.out.extend_from_slice(text.as_bytes());
                        Ok(())
                    }
                    Err(TooLarge) => Err(CanonicalError::new(CanonicalProblem::NumberTooLarge)),
                }
            }
            _ => Err(self.scanner.refuse()),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), CanonicalError> {
        self.scanner.word(word)?;
        self.out.extend_from_slice(word.as_bytes());
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.scanner.take();
        self.out.push(b'[');
        if !self.scanner.takes(b']') {
            for index in 0.. {
                if index > 0 {
                    self.out.push(b',');
                }
                self.value(depth + 1).map_err(|e| e.in_item(index))?;
                if !self.scanner.takes(b',') {
                    break;
                }
            }
            self.scanner.expect(b']')?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.scanner.take();
        self.out.push(b'{');
        let start = self.out.len();
        let first = self.members.len();
        if !self.scanner.takes(b'}') {
            loop {
                self.member(depth, start)?;
                if !self.scanner.takes(b',') {
                    break;
                }
            }
            self.scanner.expect(b'}')?;
            let in_order = |pair: &[Member<'_>]| pair[0].name < pair[1].name;
            if !self.members[first..].windows(2).all(in_order) {
                self.reorder(start, first);
            }
            self.members.truncate(first);
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes a member behind those that are there, `start` being where the first began.
    fn member(&mut self, depth: usize, start: usize) -> Result<(), CanonicalError> {
        self.scanner.expect(b'"')?;
        let key = self.scanner.string()?;
        self.scanner.expect(b':')?;
        let before = self.out.len();
        if before > start {
            self.out.push(b',');
        }
        let from = self.out.len();
        self.text(&key);
        self.out.push(b':');
        let value = self.out.len();
        let name = key.into_cow();

        let (in_file_metadata, in_unsigned) = (self.in_file_metadata, self.in_unsigned);
        self.in_file_metadata |= depth == 0 && name == "params_metadata";
        self.in_unsigned |= !self.name_is_signed(depth, &name);

        let is_null = self.scanner.peek() == Some(b'n');
        // A null is left out wherever it is, so also below the deepest level.
        let read = self.value(if is_null { 0 } else { depth + 1 });
        read.map_err(|e| e.in_member(&name))?;
        (self.in_file_metadata, self.in_unsigned) = (in_file_metadata, in_unsigned);

        let mut written = from..self.out.len();
        let is_signed = self.is_signed(depth, &name, &self.out[value..]);
        if is_null || !is_signed {
            if !is_null && !NEVER_SIGNED.contains(&&*name) && depth == 0 {
                self.apart.push(b',');
                self.apart.extend_from_slice(&self.out[from..]);
            }
            self.out.truncate(before);
            written = 0..0;
        }
        self.members.push(Member { name, written });
        Ok(())
    }

    /// Returns `true` if this member of an object at `depth` is part of what is signed.
    fn is_signed(&self, depth: usize, name: &str, value: &[u8]) -> bool {
        // The receiver of a task puts it into its own types and signs those: zeros that its
        // types have as default are not there any more.
        let is_default = matches!(self.fields, Fields::OfTask)
            && value == b"0"
            && match depth {
                0 => matches!(name, "step" | "depth"),
                2 => self.in_file_metadata && name == "size",
                _ => false,
            };

        !is_default && self.name_is_signed(depth, name)
    }

    /// Returns `true` if a member of this name is signed, unless it has its default value.
    fn name_is_signed(&self, depth: usize, name: &str) -> bool {
        match self.fields {
            Fields::AllBut(others) if depth == 0 => {
                !NEVER_SIGNED.contains(&name) && !others.contains(&name)
            }
            // Nor are members that the types of the receiver do not know.
            Fields::OfTask if depth == 0 => super::super::task::KNOWN_FIELDS.contains(&name),
            Fields::OfTask if depth == 2 && self.in_file_metadata => {
                matches!(name, "uri" | "size" | "etag" | "metadata")
            }
            _ => true,
        }
    }

    /// Sorts the members from `first` on, which begin at `start`. Of several with the same
    /// name the last one stays.
    fn reorder(&mut self, start: usize, first: usize) {
        let members = &mut self.members[first..];
        members.sort_by(|a, b| a.name.cmp(&b.name)); // stable
        self.spare.clear();
        for (index, member) in members.iter().enumerate() {
            let is_repeated = members
                .get(index + 1)
                .is_some_and(|n| n.name == member.name);
            if is_repeated || member.written.is_empty() {
                continue;
            }
            if !self.spare.is_empty() {
                self.spare.push(b',');
            }
            self.spare
                .extend_from_slice(&self.out[member.written.clone()]);
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&self.spare);
    }

    fn text(&mut self, text: &Text<'_>) {
        self.out.push(b'"');
        match text {
            Text::Plain(text) => self.out.extend_from_slice(text.as_bytes()),
            Text::Unescaped(text) => self.escaped(text),
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for &byte in text.as_bytes() {
            let letter = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0..0x20 => {
                    let [high, low] = [byte >> 4, byte & 15].map(|d| HEX[usize::from(d)]);
                    self.out
                        .extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend_from_slice(&[b'\\', letter]);
        }
    }
}
