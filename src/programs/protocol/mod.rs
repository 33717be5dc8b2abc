//! What is said between the worker and a program, without processes. See
//! `docs/programs.md` for the words.

mod lines;
mod message;
mod order;

pub(crate) use lines::{Line, Lines};
pub(crate) use message::{Answer, Message, Payload, Read, document, is_meant, read};
pub(crate) use order::{line, variables};
