//! What is said between the worker and a program, without processes. See
//! `docs/programs.md` for the words.

mod answer;
mod keys;
mod lines;
mod message;
mod nan;
mod order;

pub(crate) use answer::Answer;
pub(crate) use keys::OtherKeys;
pub(crate) use lines::{Line, Lines};
pub(crate) use message::{Message, Payload, Read, document, is_meant, object_within, read};
pub(crate) use order::{line, variables};
