//! Which version of RXON the orchestrator speaks.

/// A version of RXON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// As the orchestrator avtomatika 1.0b12.
    #[default]
    V1_0b2,
    /// As the orchestrator avtomatika 1.0b30: signed messages, skills with contracts, events
    /// and access tokens.
    V1_0b17,
}

impl Dialect {
    /// The version as it is announced, such as `1.0b17`.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_0b2 => "1.0b2",
            Self::V1_0b17 => "1.0b17",
        }
    }

    pub(crate) fn is_1_0b17(self) -> bool {
        self == Self::V1_0b17
    }
}
