//! The published orchestrators that we test against.

/// A release of `avtomatika`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "versions")]
pub(crate) enum Release {
    /// Speaks RXON 1.0b2.
    V1_0b12,
    /// Speaks RXON 1.0b17.
    V1_0b30,
}

impl Release {
    /// Its version on the Python package index.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::V1_0b12 => "1.0b12",
            Self::V1_0b30 => "1.0b30",
        }
    }
}
