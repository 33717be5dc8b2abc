//! When to ask for an access token, and what to do when one is refused.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Token;

/// How long to do without after the orchestrator said that it gives us none.
const REST: Duration = Duration::from_hours(1);
/// The first wait after an attempt that failed, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// A token refused sooner than this after it was given will not be accepted at all.
const SOON: Duration = Duration::from_mins(1);
/// Between two tokens, however short they live.
const LEAST_LIFE: Duration = Duration::from_secs(10);

/// How to get a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    /// With the credentials of the settings.
    Issue,
    /// With what came along with the one before.
    Refresh(Token),
}

/// What an orchestrator gave us.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grant {
    pub(super) access: Token,
    pub(super) refresh: Option<Token>,
    pub(super) life: Duration,
}

/// What to do about a token that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Another one is shown by now: send the request again.
    Repeat,
    /// Get another one first.
    Renew,
    /// Tell the caller.
    GiveUp,
}

/// What is known about the access tokens of one orchestrator.
#[derive(Debug, Default)]
pub(super) struct Plan {
    held: Option<Held>,
    /// Grows with every change of the token that is shown.
    version: u64,
    not_before: Option<Instant>,
    failures: u32,
}

#[derive(Debug)]
struct Held {
    refresh: Option<Token>,
    since: Instant,
    renew_at: Instant,
    ends_at: Instant,
}

impl Plan {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether there is an access token that is still good.
    pub(super) fn has_token(&self) -> bool {
        self.held.is_some()
    }

    /// Forgets a token that has run out. `true`: it is not to be shown any more.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let is_over = self.held.as_ref().is_some_and(|held| held.ends_at <= now);
        if is_over {
            self.drop_token();
        }
        is_over
    }

    /// How to get a token, if it is time to.
    pub(super) fn wants(&self, now: Instant) -> Option<Way> {
        if self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        match &self.held {
            Some(held) if now < held.renew_at => None,
            _ => Some(self.any_way()),
        }
    }

    /// How to get a token, whether it is time to or not.
    pub(super) fn any_way(&self) -> Way {
        let held = self.held.as_ref();
        let refresh = held.and_then(|held| held.refresh.clone());
        refresh.map_or(Way::Issue, Way::Refresh)
    }

    /// A token came. `jitter` is from 0 to 1: it is renewed after 70 to 80 % of its
    /// life, so that workers that started together do not come back together.
    pub(super) fn granted(&mut self, grant: &Grant, now: Instant, jitter: f64) {
        let share = 0.8 - 0.1 * jitter.clamp(0.0, 1.0);
        self.held = Some(Held {
            refresh: grant.refresh.clone(),
            since: now,
            renew_at: now + grant.life.mul_f64(share).max(LEAST_LIFE),
            ends_at: now + grant.life,
        });
        self.version += 1;
        self.not_before = None;
        self.failures = 0;
    }

    /// The orchestrator does not give us a token this way. `true`: try the other way.
    pub(super) fn denied(&mut self, way: &Way, now: Instant) -> bool {
        if let (Way::Refresh(_), Some(held)) = (way, &mut self.held) {
            held.refresh = None;
            return true;
        }
        self.not_before = Some(now + REST);
        false
    }

    /// An attempt failed for a reason that may pass; `at_least` is what the
    /// orchestrator asked for. `jitter` is from 0 to 1.
    pub(super) fn failed(&mut self, now: Instant, at_least: Option<Duration>, jitter: f64) {
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_WAIT)
            .mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0));
        self.failures += 1;
        self.not_before = Some(now + wait.max(at_least.unwrap_or_default()));
    }

    /// A request that showed the token of this version was refused.
    pub(super) fn refused(&mut self, version: u64, now: Instant) -> Reaction {
        if version != self.version {
            return Reaction::Repeat;
        }
        let resting = self.not_before.is_some_and(|at| now < at);
        match &self.held {
            // It is of no use, so the one of the settings has to do.
            Some(held) if now - held.since < SOON => {
                self.drop_token();
                self.not_before = Some(now + REST);
                Reaction::Repeat
            }
            Some(_) if resting => {
                self.drop_token();
                Reaction::Repeat
            }
            None if resting => Reaction::GiveUp,
            Some(_) | None => Reaction::Renew,
        }
    }

    /// The token is of no use any more, and there is no other.
    pub(super) fn drop_token(&mut self) {
        self.held = None;
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn grant(refresh: Option<&str>) -> Grant {
        Grant {
            access: "a".into(),
            refresh: refresh.map(Token::from),
            life: HOUR,
        }
    }

    #[actix_rt::test]
    async fn a_token_is_asked_for_once_and_renewed_before_it_ends() {
        let (mut plan, start) = (Plan::default(), Instant::now());
        assert_eq!(plan.wants(start), Some(Way::Issue));
        plan.granted(&grant(Some("r")), start, 0.0);
        assert_eq!(plan.wants(start + HOUR.mul_f64(0.79)), None);
        let late = start + HOUR.mul_f64(0.81);
        assert_eq!(plan.wants(late), Some(Way::Refresh("r".into())));
        plan.granted(&grant(None), late, 1.0);
        assert_eq!(plan.wants(late + HOUR.mul_f64(0.69)), None);
        assert_eq!(plan.wants(late + HOUR.mul_f64(0.71)), Some(Way::Issue));
        assert!(!plan.expire(late + HOUR.mul_f64(0.99)));
        assert!(plan.expire(late + HOUR));
        assert!(!plan.has_token());
    }

    #[actix_rt::test]
    async fn where_there_are_none_it_asks_once_an_hour() {
        let (mut plan, start) = (Plan::default(), Instant::now());
        assert!(!plan.denied(&Way::Issue, start));
        assert_eq!(plan.wants(start + HOUR.mul_f64(0.99)), None);
        assert_eq!(plan.refused(plan.version(), start), Reaction::GiveUp);
        assert_eq!(plan.wants(start + HOUR), Some(Way::Issue));
    }

    #[actix_rt::test]
    async fn a_refresh_token_that_is_not_taken_gives_way_to_the_static_one() {
        let (mut plan, start) = (Plan::default(), Instant::now());
        plan.granted(&grant(Some("r")), start, 0.0);
        let late = start + HOUR.mul_f64(0.9);
        assert!(plan.denied(&Way::Refresh("r".into()), late));
        assert_eq!(plan.wants(late), Some(Way::Issue));
    }

    #[actix_rt::test]
    async fn failures_are_spread_out_and_bounded() {
        let (mut plan, mut now) = (Plan::default(), Instant::now());
        for expected in [5, 10, 20, 40, 80, 160, 300, 300] {
            plan.failed(now, None, 0.0);
            let wait = Duration::from_secs(expected);
            assert_eq!(plan.wants(now + wait.mul_f64(0.99)), None, "{expected}");
            now += wait;
            assert_eq!(plan.wants(now), Some(Way::Issue), "{expected}");
        }
        plan.failed(now, Some(HOUR), 1.0);
        assert_eq!(plan.wants(now + HOUR.mul_f64(0.99)), None);
    }

    #[actix_rt::test]
    async fn a_refused_token_is_renewed_once_and_then_given_up() {
        let (mut plan, start) = (Plan::default(), Instant::now());
        plan.granted(&grant(None), start, 0.0);
        let version = plan.version();
        let later = start + HOUR / 2;
        assert_eq!(plan.refused(version, later), Reaction::Renew);
        plan.granted(&grant(None), later, 0.0);
        // Another request that was under way with the first one.
        assert_eq!(plan.refused(version, later), Reaction::Repeat);
        // The fresh one is not taken either: back to the static token, and no more.
        assert_eq!(plan.refused(plan.version(), later), Reaction::Repeat);
        assert!(!plan.has_token());
        assert_eq!(plan.refused(plan.version(), later), Reaction::GiveUp);
        assert_eq!(plan.wants(later + HOUR / 2), None);
    }

    #[actix_rt::test]
    async fn tokens_that_hardly_live_are_not_asked_for_all_the_time() {
        let (mut plan, start) = (Plan::default(), Instant::now());
        let mut short = grant(None);
        short.life = Duration::from_millis(1);
        plan.granted(&short, start, 0.5);
        assert_eq!(plan.wants(start + LEAST_LIFE.mul_f64(0.9)), None);
    }
}
