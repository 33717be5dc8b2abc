//! Which handler threads look for tasks in the queue that they share. Waking a thread
//! costs more than a small task does, so one is woken for many tasks, and another only
//! when the first does not keep up.

use std::time::{Duration, Instant};

/// A task that has waited for longer, or a thread that was not heard of for longer,
/// shows that one more thread is wanted.
const SLOW: Duration = Duration::from_micros(100);

/// A task that has waited for that long may be behind handlers that block their threads.
const BLOCKED: Duration = Duration::from_millis(1);

/// The same where that is unlikely. Looking costs more than a small task.
const SELDOM: Duration = Duration::from_millis(20);

/// How many more live tasks than a thread that rests one may have.
const APART: usize = 16;

/// The handler threads, as far as the queue is concerned.
#[derive(Debug)]
pub(crate) struct Crew {
    hands: Vec<Hand>,
}

/// One thread.
#[derive(Debug, Clone, Default)]
struct Hand {
    /// When it was called or took its last task; `None` while it rests. One that is
    /// awake looks into the queue sooner or later, later if a handler blocks it.
    awake: Option<Instant>,
    /// Tasks that work there. They stay where they were begun.
    live: usize,
}

impl Crew {
    /// All of them rest.
    pub(crate) fn new(hands: usize) -> Self {
        Self {
            hands: vec![Hand::default(); hands],
        }
    }

    /// Tasks wait, the first of them since `oldest`. Whom to call, if those that are
    /// awake do not keep up.
    pub(crate) fn call(&mut self, oldest: Instant, now: Instant) -> Option<usize> {
        let is_recent = |at: Instant| now.saturating_duration_since(at) <= SLOW;
        let mut awake = self.hands.iter().filter_map(|hand| hand.awake);
        if is_recent(oldest) && awake.any(is_recent) {
            return None;
        }
        let (who, _) = self.idlest()?;
        self.hands[who].awake = Some(now);
        Some(who)
    }

    /// A hand that looks could take a task, but another one that rests has far less to
    /// do: the first one rests, and that one is called.
    pub(crate) fn give_way(&mut self, me: usize, now: Instant) -> Option<usize> {
        let (who, live) = self.idlest()?;
        if self.hands[me].live < live + APART {
            return None;
        }
        self.hands[me].awake = None;
        self.hands[who].awake = Some(now);
        Some(who)
    }

    /// The first of those with the fewest live tasks that rest.
    fn idlest(&self) -> Option<(usize, usize)> {
        let resting =
            |(who, hand): (usize, &Hand)| hand.awake.is_none().then_some((who, hand.live));
        let resting = self.hands.iter().enumerate().filter_map(resting);
        resting.min_by_key(|&(_, live)| live)
    }

    /// A hand has taken a task, which works there or only passes through.
    pub(crate) fn took(&mut self, me: usize, works_there: bool, now: Instant) {
        let hand = &mut self.hands[me];
        hand.awake = Some(now);
        hand.live += usize::from(works_there);
    }

    /// A task that worked there is over.
    pub(crate) fn ended(&mut self, me: usize) {
        let hand = &mut self.hands[me];
        hand.live = hand.live.saturating_sub(1);
    }

    /// A hand found nothing.
    pub(crate) fn rests(&mut self, me: usize) {
        self.hands[me].awake = None;
    }

    /// So many tasks wait, and this hand was called. After what time somebody has to see
    /// to it that the queue does not stand still, since all that are awake may be
    /// blocked. One that was called with nothing else to do is not; one that has other
    /// tasks hardly ever.
    pub(crate) fn look_again(&self, called: Option<usize>, waiting: usize) -> Option<Duration> {
        let is_of_use = waiting > 0 && self.hands.iter().any(|hand| hand.awake.is_none());
        match called {
            _ if !is_of_use => None,
            Some(who) if waiting == 1 => (self.hands[who].live > 0).then_some(SELDOM),
            _ => Some(BLOCKED),
        }
    }
}

/// How long a hand takes one task after the other before the rest of its thread gets on.
#[derive(Debug)]
pub(crate) struct Spell {
    began: Instant,
    tasks: u32,
}

impl Spell {
    const TASKS: u32 = 16;
    const TIME: Duration = Duration::from_micros(200);

    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            began: now,
            tasks: 0,
        }
    }

    /// One more task is over. `true`: that is enough.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        self.tasks += 1;
        self.tasks >= Self::TASKS || now - self.began >= Self::TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_micros(10);
    const LONG: Duration = Duration::from_millis(1);

    /// A hand takes so many tasks that do not end.
    fn fill(crew: &mut Crew, hand: usize, tasks: usize, now: Instant) {
        for _ in 0..tasks {
            crew.took(hand, true, now);
        }
        crew.rests(hand);
    }

    #[test]
    fn one_hand_is_called_for_many_tasks_and_a_second_when_the_first_is_slow() {
        let now = Instant::now();
        let mut crew = Crew::new(3);
        assert_eq!(crew.call(now, now), Some(0));
        assert_eq!(crew.call(now, now + MOMENT), None, "it is on its way");
        assert_eq!(crew.call(now, now + LONG), Some(1), "it does not come");
        crew.took(0, true, now + LONG);
        let later = now + LONG + MOMENT;
        assert_eq!(crew.call(later, later), None, "there it is");
        assert_eq!(crew.call(now, later), Some(2), "but it does not keep up");
        assert_eq!(crew.call(now, later), None, "nobody is left");
    }

    #[test]
    fn a_hand_that_is_busy_for_long_counts_for_nothing() {
        let now = Instant::now();
        let mut crew = Crew::new(2);
        crew.took(0, true, now);
        let later = now + LONG;
        assert_eq!(crew.call(later, later), Some(1), "at once");
    }

    #[test]
    fn the_one_with_the_fewest_live_tasks_is_called() {
        let now = Instant::now();
        let mut crew = Crew::new(3);
        for (hand, tasks) in [(0, 2), (1, 1), (2, 2)] {
            fill(&mut crew, hand, tasks, now);
        }
        assert_eq!(crew.call(now, now), Some(1));
        crew.rests(1);
        crew.ended(2);
        crew.ended(2);
        assert_eq!(crew.call(now, now), Some(2));
    }

    #[test]
    fn tasks_that_only_pass_through_are_no_load() {
        let now = Instant::now();
        let mut crew = Crew::new(2);
        crew.took(0, false, now);
        crew.rests(0);
        assert_eq!(crew.call(now, now), Some(0));
    }

    #[test]
    fn who_has_far_more_live_tasks_gives_way() {
        let now = Instant::now();
        let mut crew = Crew::new(2);
        fill(&mut crew, 0, APART - 1, now);
        crew.took(0, false, now);
        assert_eq!(crew.give_way(0, now), None);
        crew.took(0, true, now);
        assert_eq!(crew.give_way(0, now), Some(1));
        assert_eq!(crew.call(now, now), None, "the other is on its way");
        assert_eq!(crew.call(now, now + LONG), Some(0), "and blocked");
        assert_eq!(crew.give_way(0, now), None, "there is nobody else");
    }

    #[test]
    fn somebody_looks_again_unless_it_is_certain_that_a_hand_comes() {
        let now = Instant::now();
        let mut crew = Crew::new(2);
        let called = crew.call(now, now);
        assert_eq!(
            crew.look_again(called, 1),
            None,
            "it has nothing else to do"
        );
        assert_eq!(
            crew.look_again(called, 2),
            Some(BLOCKED),
            "the first may block"
        );
        assert_eq!(crew.look_again(None, 1), Some(BLOCKED), "as may one before");
        assert_eq!(crew.look_again(None, 0), None, "nothing waits");
        fill(&mut crew, 0, 1, now);
        fill(&mut crew, 1, 1, now);
        let called = crew.call(now, now);
        let after = crew.look_again(called, 1);
        assert_eq!(after, Some(SELDOM), "its live task may block it");
        assert!(crew.call(now, now + LONG).is_some());
        assert_eq!(crew.look_again(None, 2), None, "nobody is left to call");
        let mut alone = Crew::new(1);
        let called = alone.call(now, now);
        assert_eq!(alone.look_again(called, 5), None);
    }

    #[test]
    fn a_spell_ends_after_some_tasks_or_some_time() {
        let now = Instant::now();
        let mut spell = Spell::begin(now);
        assert!((1..Spell::TASKS).all(|_| !spell.is_over(now + MOMENT)));
        assert!(spell.is_over(now + MOMENT));
        assert!(Spell::begin(now).is_over(now + LONG));
    }
}
