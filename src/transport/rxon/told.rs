//! What an orchestrator of 1.0b17 has been told since it knows us, so that it is told
//! once. Each has its own, for they forget at different times.

use tokio::time::Instant;

use super::wire_1_0b17::Catalogue;

/// The state of one orchestrator's knowledge.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What we can do; none before the first registration.
    catalogue: Option<Catalogue>,
    /// Counts registrations: what was told before the last one does not count.
    registrations: u64,
    has_catalogue: bool,
    has_capabilities: bool,
    /// When it was last heard that it knows us; none if that may have changed since.
    known_at: Option<Instant>,
}

/// What one heartbeat tells, noted when it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    registrations: u64,
    pub(super) catalogue: bool,
    pub(super) capabilities: bool,
}

impl Told {
    /// It has accepted a registration, which carried this.
    pub(super) fn registered(&mut self, catalogue: Option<Catalogue>, now: Instant) {
        *self = Self {
            has_catalogue: catalogue.is_some(),
            catalogue,
            registrations: self.registrations + 1,
            has_capabilities: false,
            known_at: Some(now),
        };
    }

    pub(super) fn catalogue(&self) -> Option<&Catalogue> {
        self.catalogue.as_ref()
    }

    /// What the next heartbeat has to tell.
    pub(super) fn telling(&self) -> Telling {
        Telling {
            registrations: self.registrations,
            catalogue: !self.has_catalogue,
            capabilities: !self.has_capabilities,
        }
    }

    /// That heartbeat was answered.
    pub(super) fn was_told(&mut self, telling: Telling, wants_catalogue: bool) {
        if telling.registrations != self.registrations {
            return;
        }
        self.has_catalogue |= telling.catalogue;
        self.has_capabilities |= telling.capabilities;
        if wants_catalogue {
            self.has_catalogue = false;
        }
    }

    /// It has just said that it knows us.
    pub(super) fn is_known(&mut self, now: Instant) {
        self.known_at = Some(now);
    }

    /// It may have forgotten us since.
    pub(super) fn doubt(&mut self) {
        self.known_at = None;
    }

    pub(super) fn known_at(&self) -> Option<Instant> {
        self.known_at
    }
}
