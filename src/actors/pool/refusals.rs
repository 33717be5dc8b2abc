//! Which endpoints take us for a stranger, and whether registering anew has helped.

use tokio::time::Instant;

/// An endpoint that answers only workers it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Poll,
    Heartbeat,
    Result,
}

/// What is to be done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing: the request was sent before the last registration.
    Nothing,
    /// Register anew: we have been forgotten.
    Register,
    /// Register anew, but with growing pauses: the last time it did not help.
    RegisterLater,
}

/// The endpoints that have refused us and have not answered since. An orchestrator may accept
/// registrations and refuse everything else, so only an answer shows that registering helped.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    refusing: Vec<Endpoint>,
    /// One of them refused us again after a registration.
    again: bool,
    registered_at: Option<Instant>,
}

impl Refusals {
    /// The orchestrator has registered us.
    pub(super) fn registered(&mut self, now: Instant) {
        self.registered_at = Some(now);
    }

    /// A request that was sent at `sent` was refused.
    pub(super) fn refused(&mut self, endpoint: Endpoint, sent: Instant) -> Remedy {
        if self.registered_at.is_some_and(|at| sent < at) {
            return Remedy::Nothing;
        }
        if self.refusing.contains(&endpoint) {
            self.again = true;
            return Remedy::RegisterLater;
        }
        self.refusing.push(endpoint);
        Remedy::Register
    }

    /// The endpoint has answered. Returns `true` if it was the last one that refused us.
    pub(super) fn answered(&mut self, endpoint: Endpoint) -> bool {
        let before = self.refusing.len();
        self.refusing.retain(|refusing| *refusing != endpoint);
        let is_last = before > 0 && self.refusing.is_empty();
        self.again &= !is_last;
        is_last
    }

    /// Returns `true` if a registration has not helped, and another one may not help either.
    pub(super) fn is_refusing_again(&self) -> bool {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn registering_is_tried_at_once_and_later_if_it_did_not_help() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        refusals.registered(now);
        let refused = refusals.refused(Endpoint::Result, now + SECOND);
        assert_eq!(refused, Remedy::Register);

        refusals.registered(now + 2 * SECOND);
        let refused = refusals.refused(Endpoint::Result, now + 3 * SECOND);
        assert_eq!(refused, Remedy::RegisterLater);
        assert!(refusals.is_refusing_again());

        // An answer of another endpoint does not show that it helped.
        assert!(!refusals.answered(Endpoint::Poll));
        let refused = refusals.refused(Endpoint::Result, now + 4 * SECOND);
        assert_eq!(refused, Remedy::RegisterLater);

        assert!(refusals.answered(Endpoint::Result));
        assert!(!refusals.is_refusing_again());
        let refused = refusals.refused(Endpoint::Result, now + 5 * SECOND);
        assert_eq!(refused, Remedy::Register);
    }

    #[test]
    fn two_endpoints_that_take_turns_are_not_taken_for_news() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.refused(Endpoint::Poll, now), Remedy::Register);
        assert_eq!(refusals.refused(Endpoint::Result, now), Remedy::Register);
        for endpoint in [Endpoint::Poll, Endpoint::Result, Endpoint::Poll] {
            assert_eq!(refusals.refused(endpoint, now), Remedy::RegisterLater);
        }
        assert!(!refusals.answered(Endpoint::Poll), "results are refused");
        assert!(refusals.answered(Endpoint::Result));
    }

    #[test]
    fn what_was_sent_before_the_registration_says_nothing() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        refusals.registered(now);
        let refused = refusals.refused(Endpoint::Poll, now - SECOND);
        assert_eq!(refused, Remedy::Nothing);
    }
}
