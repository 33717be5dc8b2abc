//! The dialects of RXON, and which one an orchestrator speaks.

use crate::config::RxonVersion;

/// A dialect that this crate speaks; each has a module of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// See [`wire_1_0b2`](super::wire_1_0b2).
    V1_0b2,
    /// See [`wire_1_0b17`](super::wire_1_0b17).
    V1_0b17,
}

/// What an answer to a heartbeat of 1.0b17 means that looks like the record of a worker,
/// with which orchestrators of 1.0b2 answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Records {
    /// The orchestrator has gone back to 1.0b2, as far as we know.
    #[default]
    Telling,
    /// We register anew to find out.
    Asking,
    /// It answered the registration as one of 1.0b17: nothing.
    Meaningless,
}

impl Records {
    /// A registration was answered in this dialect.
    pub(super) fn registered(self, found: Dialect) -> Self {
        match (self, found) {
            (_, Dialect::V1_0b2) => Self::Telling,
            (Self::Asking, Dialect::V1_0b17) => Self::Meaningless,
            (unchanged, Dialect::V1_0b17) => unchanged,
        }
    }
}

impl Dialect {
    /// As it is called in the header `X-RXON-Version`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V1_0b2 => "1.0b2",
            Self::V1_0b17 => "1.0b17",
        }
    }

    /// The dialect to begin with. Nothing but a registration is sent before the right
    /// one has been found out.
    pub(super) fn at_first(setting: RxonVersion) -> Self {
        match setting {
            RxonVersion::Auto | RxonVersion::V1_0b2 => Self::V1_0b2,
            RxonVersion::V1_0b17 => Self::V1_0b17,
        }
    }

    /// The newest dialect that is spoken at all.
    pub(super) fn newest(setting: RxonVersion) -> Self {
        match setting {
            RxonVersion::V1_0b2 => Self::V1_0b2,
            RxonVersion::Auto | RxonVersion::V1_0b17 => Self::V1_0b17,
        }
    }

    /// The dialect of an orchestrator that answered a registration, from the `version`
    /// in its answer or in the header. Orchestrators of 1.0b2 name none.
    pub(super) fn of(version: Option<&str>) -> Self {
        match version {
            None | Some("1.0b2") => Self::V1_0b2,
            // Whatever comes after 1.0b17 is more likely to understand that.
            Some(_) => Self::V1_0b17,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orchestrator_that_names_a_version_is_a_newer_one() {
        for (version, dialect) in [
            (None, Dialect::V1_0b2),
            (Some("1.0b2"), Dialect::V1_0b2),
            (Some("1.0b17"), Dialect::V1_0b17),
            (Some("1.0b19"), Dialect::V1_0b17),
            (Some("2.0"), Dialect::V1_0b17),
        ] {
            assert_eq!(Dialect::of(version), dialect, "{version:?}");
        }
    }
}
