//! When the slot policy of the user is asked, and what its answers allow: each yes one
//! slot, each no none until something has changed.

use std::time::Duration;

use tokio::time::Instant;

use crate::slot_policy::{Ruling, SlotView};

/// After this time without an answer the one before counts.
const PATIENCE: Duration = Duration::from_secs(1);
/// When a policy is asked again that panicked.
const AFTER_A_PANIC: Duration = Duration::from_secs(5);

/// What is known of the policy.
#[derive(Debug)]
pub(crate) struct PolicyQuery {
    ruling: Ruling,
    /// The last question that was answered.
    about: Option<SlotView>,
    /// The question that waits for its answer, and since when.
    open: Option<(SlotView, Instant)>,
    /// A slot may be reserved on the strength of the last answer.
    unspent: bool,
    /// Whether the open question has waited for too long.
    late: bool,
    poked: bool,
    again_at: Option<Instant>,
}

impl PolicyQuery {
    /// Nobody has been asked, so nothing is allowed; see [`PolicyQuery::ruling`].
    pub(crate) fn new() -> Self {
        Self {
            ruling: Ruling::not_now("the slot policy has not answered yet"),
            about: None,
            open: None,
            unspent: false,
            late: false,
            poked: true,
            again_at: None,
        }
    }

    /// The answer that holds.
    pub(crate) fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// Whether a slot may be reserved now, as far as the policy goes.
    pub(crate) fn allows(&self) -> bool {
        self.ruling.is_yes() && (self.unspent || self.late)
    }

    /// A slot was reserved.
    pub(crate) fn spend(&mut self) {
        self.unspent = false;
    }

    /// The question to put now, if there is one. `reservable`: a slot is wanted and free.
    /// `refused`: the last answer was a no, in whatever words. `view` is what is taken now.
    pub(crate) fn question(
        &mut self,
        reservable: bool,
        refused: bool,
        view: impl FnOnce() -> SlotView,
        now: Instant,
    ) -> Option<SlotView> {
        // An answer that nobody used is an old one by the next time.
        self.unspent = false;
        let due = self.poked || self.again_at.is_some_and(|at| at <= now);
        if self.open.is_some() || !(due || reservable) {
            return None;
        }
        let view = view();
        // A no to the same question would be the same.
        if !due && refused && self.about.as_ref() == Some(&view) {
            return None;
        }
        self.poked = false;
        self.again_at = None;
        self.open = Some((view.clone(), now));
        Some(view)
    }

    /// The policy has answered; `None`: it panicked, and the answer before holds.
    pub(crate) fn answered(&mut self, ruling: Option<Ruling>, now: Instant) {
        let again = match &ruling {
            Some(ruling) => ruling.again(),
            None => Some(self.ruling.again().unwrap_or(AFTER_A_PANIC)),
        };
        self.again_at = again.map(|again| now + again);
        if let Some(ruling) = ruling {
            self.ruling = ruling;
        }
        self.about = self.open.take().map(|(view, _)| view);
        self.unspent = true;
        self.late = false;
    }

    /// Somebody wants it asked.
    pub(crate) fn poke(&mut self) {
        self.poked = true;
    }

    /// Looks at the clock. `true`: an answer has been missing for too long since now.
    pub(crate) fn is_overdue(&mut self, now: Instant) -> bool {
        let overdue = self
            .open
            .as_ref()
            .is_some_and(|(_, since)| *since + PATIENCE <= now);
        overdue && !std::mem::replace(&mut self.late, true)
    }

    /// When there is something to do without any news.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        match &self.open {
            Some((_, since)) => (!self.late).then(|| *since + PATIENCE),
            None => self.again_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn view(tasks: usize) -> SlotView {
        SlotView::of(["a"]).limited_to(4).running(tasks)
    }

    fn asked(asking: &mut PolicyQuery, tasks: usize, now: Instant) -> bool {
        let refused = !asking.ruling().is_yes();
        let question = asking.question(true, refused, || view(tasks), now);
        question.is_some()
    }

    /// Whether there is a question although nobody wants a slot.
    fn unasked(asking: &mut PolicyQuery, now: Instant) -> bool {
        asking.question(false, false, || view(0), now).is_some()
    }

    #[test]
    fn nothing_is_allowed_before_the_first_answer_and_each_yes_is_for_one_slot() {
        let (mut asking, now) = (PolicyQuery::new(), Instant::now());
        assert!(!asking.allows());
        assert!(unasked(&mut asking, now), "at the start");
        assert!(!asked(&mut asking, 0, now), "it has not answered");
        asking.answered(Some(Ruling::yes()), now);
        assert!(asking.allows());
        asking.spend();
        assert!(!asking.allows());
        assert!(asked(&mut asking, 0, now));
    }

    #[test]
    fn a_yes_that_nobody_used_is_not_kept() {
        let (mut asking, now) = (PolicyQuery::new(), Instant::now());
        assert!(asked(&mut asking, 0, now));
        asking.answered(Some(Ruling::yes()), now);
        assert!(!unasked(&mut asking, now));
        assert!(!asking.allows());
        assert!(asked(&mut asking, 0, now));
    }

    #[test]
    fn a_no_holds_until_something_changes_or_its_time_is_over() {
        let (mut asking, now) = (PolicyQuery::new(), Instant::now());
        let no = || Some(Ruling::not_now("x").ask_again_in(5 * SECOND));
        assert!(asked(&mut asking, 2, now));
        asking.answered(no(), now);
        assert!(!asked(&mut asking, 2, now));
        assert!(asked(&mut asking, 1, now), "a task has ended");
        asking.answered(no(), now);
        assert_eq!(asking.wakes_at(), Some(now + 5 * SECOND));
        assert!(!asked(&mut asking, 1, now + 4 * SECOND));
        assert!(asked(&mut asking, 1, now + 5 * SECOND));
        asking.answered(no(), now);
        asking.poke();
        assert!(unasked(&mut asking, now));
    }

    #[test]
    fn a_poke_during_a_question_is_another_question() {
        let (mut asking, now) = (PolicyQuery::new(), Instant::now());
        assert!(asked(&mut asking, 0, now));
        asking.poke();
        assert!(!asked(&mut asking, 0, now));
        asking.answered(Some(Ruling::not_now("x")), now);
        assert!(asked(&mut asking, 0, now));
    }

    #[test]
    fn while_it_does_not_answer_the_answer_before_counts() {
        for (before, allowed) in [(Ruling::yes(), true), (Ruling::not_now("x"), false)] {
            let (mut asking, now) = (PolicyQuery::new(), Instant::now());
            assert!(asked(&mut asking, 0, now));
            asking.answered(Some(before), now);
            assert!(asked(&mut asking, 1, now));
            assert_eq!(asking.wakes_at(), Some(now + PATIENCE));
            assert!(!asking.is_overdue(now) && !asking.allows());
            assert!(asking.is_overdue(now + PATIENCE));
            assert!(!asking.is_overdue(now + 2 * PATIENCE), "told once");
            assert_eq!(asking.wakes_at(), None);
            assert_eq!(asking.allows(), allowed);
            asking.spend();
            assert_eq!(asking.allows(), allowed, "for as long as it takes");
            asking.answered(Some(Ruling::not_now("late, but no")), now);
            assert!(!asking.allows());
        }
    }

    #[test]
    fn a_panic_changes_nothing_and_is_tried_again() {
        let (mut asking, now) = (PolicyQuery::new(), Instant::now());
        assert!(asked(&mut asking, 0, now));
        asking.answered(None, now);
        assert!(!asking.allows());
        assert_eq!(asking.wakes_at(), Some(now + AFTER_A_PANIC));
        let now = now + AFTER_A_PANIC;
        assert!(asked(&mut asking, 0, now));
        asking.answered(Some(Ruling::yes().ask_again_in(SECOND)), now);
        asking.spend();
        assert!(asked(&mut asking, 0, now));
        asking.answered(None, now);
        assert!(asking.allows());
        assert_eq!(asking.wakes_at(), Some(now + SECOND));
    }

    proptest! {
        /// Whatever happens: one question at a time, no slot without a yes of its own while
        /// answers come in time, and no question twice after a no.
        #[test]
        fn each_slot_has_its_own_yes(
            events in prop::collection::vec((0u8..6, 0usize..3), 1..120),
        ) {
            let (mut asking, mut now) = (PolicyQuery::new(), Instant::now());
            let (mut yes, mut slots) = (0, 0);
            let (mut tasks, mut open, mut refused) = (0, None, None);
            for (event, detail) in events {
                match event {
                    0 => tasks = detail,
                    1 => now += Duration::from_millis(10),
                    2 if open.take().is_some() => {
                        asking.answered(Some(Ruling::yes()), now);
                        (yes, refused) = (yes + 1, None);
                    }
                    3 => if let Some(about) = open.take() {
                        asking.answered(Some(Ruling::not_now("x")), now);
                        refused = Some(about);
                    },
                    _ => {}
                }
                while asking.allows() {
                    asking.spend();
                    slots += 1;
                }
                prop_assert!(slots <= yes);
                if asked(&mut asking, tasks, now) {
                    prop_assert_eq!(open.replace(tasks), None, "it waits for an answer");
                    prop_assert_ne!(refused, Some(tasks), "asked and answered");
                }
            }
        }
    }
}
