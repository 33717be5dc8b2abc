//! Why a message has no canonical form, and where in it the reason is.

use std::fmt;

/// A message that cannot be brought into the form that is signed.
///
/// ```
/// use axon_worker::transport::rxon::security::canonical;
///
/// let error = canonical(br#"{"data": {"sizes": [1, 1e22]}}"#, &[]).unwrap_err();
/// assert_eq!(error.path(), "data.sizes[1]");
/// assert_eq!(error.to_string(), "data.sizes[1]: a whole number beyond 64 bits cannot be signed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalError {
    problem: CanonicalProblem,
    /// From the value at fault up to the root.
    way_up: Vec<Step>,
}

/// What is wrong with the value that [`CanonicalError::path`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonicalProblem {
    /// A whole number below -2^63 or above 2^64-1, also if written as `1e22`.
    NumberTooLarge,
    /// More than [`DEEPEST`](super::DEEPEST) levels below the root.
    TooDeep,
    /// Not JSON, at this byte of the text.
    NotJson(usize),
    /// A message has to be a JSON object.
    NotAnObject,
    /// A value that has no JSON form, and why.
    Unwritable(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

impl CanonicalError {
    pub(super) fn new(problem: CanonicalProblem) -> Self {
        let way_up = Vec::new();
        Self { problem, way_up }
    }

    pub(crate) fn unwritable(error: serde_json::Error) -> Self {
        Self::new(CanonicalProblem::Unwritable(error.to_string()))
    }

    pub(super) fn in_member(mut self, name: &str) -> Self {
        self.way_up.push(Step::Member(name.to_owned()));
        self
    }

    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.way_up.push(Step::Item(index));
        self
    }

    /// What is wrong.
    pub fn problem(&self) -> &CanonicalProblem {
        &self.problem
    }

    /// Where: member names joined by dots and indices in brackets, such as
    /// `data.items[3].size`. Empty for the root.
    pub fn path(&self) -> String {
        Path(&self.way_up).to_string()
    }
}

struct Path<'a>(&'a [Step]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().rev().enumerate() {
            match step {
                Step::Member(name) if index == 0 => f.write_str(name)?,
                Step::Member(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for CanonicalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.way_up.is_empty() {
            write!(f, "{}: ", Path(&self.way_up))?;
        }
        match &self.problem {
            CanonicalProblem::NumberTooLarge => {
                f.write_str("a whole number beyond 64 bits cannot be signed")
            }
            CanonicalProblem::TooDeep => write!(
                f,
                "more than {} levels below the root, which cannot be signed",
                super::DEEPEST
            ),
            CanonicalProblem::NotJson(at) => write!(f, "no JSON at byte {at}"),
            CanonicalProblem::NotAnObject => f.write_str("a message has to be a JSON object"),
            CanonicalProblem::Unwritable(why) => write!(f, "no JSON form: {why}"),
        }
    }
}

impl std::error::Error for CanonicalError {}
