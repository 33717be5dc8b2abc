//! The one spelling of a message that is signed: sorted, compact, without nulls.
//!
//! Both ends must come to the same bytes from any spelling of the same message, so
//! members are ordered by the UTF-8 bytes of their names, members that are null are
//! left out, whole numbers lose their fraction (`2.0` is `2`), and text is escaped
//! only where JSON asks for it. These are the bytes that rxon 1.0b17 signs.
//!
//! It is done in one pass over the text, without a tree: members are written as they
//! come and moved into order afterwards, if they were not in order already.

mod error;
mod number;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

use serde::Serialize;

pub use error::{CanonicalError, CanonicalProblem};
use writer::Writer;

/// How many levels below the root a value may be (rxon 1.0b17).
pub const DEEPEST: usize = 30;

/// Members of the root that are never signed, whatever the message.
const NEVER_SIGNED: [&str; 2] = ["security", "_signature"];

/// Which members of the root are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fields<'a> {
    /// All but these, `security` and `_signature`.
    AllBut(&'a [&'a str]),
    /// Those of a task, see [`super::verify_task`].
    OfTask,
    /// All: a value that is no message.
    All,
}

/// Brings a message into its canonical form. `security` and `_signature` are left out at
/// the top level, and so is whatever `leave_out` names.
///
/// ```
/// use axon_worker::transport::rxon::security::canonical;
///
/// let message = br#"{"b": 2.0, "a": null, "Z": "\u00fc", "security": {}, "sig": "x"}"#;
/// assert_eq!(canonical(message, &["sig"]).unwrap(), r#"{"Z":"ü","b":2}"#.as_bytes());
/// ```
///
/// # Errors
/// When the text is no JSON, or holds what cannot be signed: a whole number beyond 64 bits,
/// or a value more than [`DEEPEST`] levels below the root. The error names the path.
pub fn canonical(message: &[u8], leave_out: &[&str]) -> Result<Vec<u8>, CanonicalError> {
    Writer::new(message, Fields::AllBut(leave_out))?.write()
}

/// [`canonical`] of a message that is still a value: it is written as JSON once.
///
/// # Errors
/// Those of [`canonical`], and when the value has no JSON form.
pub fn canonical_of<T>(message: &T, leave_out: &[&str]) -> Result<Vec<u8>, CanonicalError>
where
    T: Serialize + ?Sized,
{
    let text = serde_json::to_vec(message).map_err(CanonicalError::unwritable)?;
    canonical(&text, leave_out)
}

/// [`canonical`], and the left-out members but `security` and `_signature`, each as
/// `,"name":value`.
pub(super) fn canonical_and_rest(
    message: &[u8],
    leave_out: &[&str],
) -> Result<(Vec<u8>, Vec<u8>), CanonicalError> {
    let (signed, rest) = Writer::new(message, Fields::AllBut(leave_out))?.write_apart()?;
    if signed.first() != Some(&b'{') {
        return Err(CanonicalError::new(CanonicalProblem::NotAnObject));
    }
    Ok((signed, rest))
}

/// What is signed of a task: the members its receiver knows, see [`super::verify_task`].
pub(super) fn canonical_task(task: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    Writer::new(task, Fields::OfTask)?.write()
}

/// The canonical form of a value that is no message: nothing is left out.
pub(super) fn canonical_value(text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    Writer::new(text, Fields::All)?.write()
}
