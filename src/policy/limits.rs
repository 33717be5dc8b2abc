//! Until when things may go on, in the order in which their time is up. However many
//! there are, one alarm is enough for all of them.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// One limit. Of two for the same moment, the one that was set first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Limit {
    at: Instant,
    number: u64,
}

/// All limits, and whose they are.
#[derive(Debug)]
pub(crate) struct Limits<T> {
    by_time: BTreeMap<Limit, T>,
    next: u64,
    /// When the alarm rings that was asked for last.
    alarm: Option<Instant>,
}

impl<T> Default for Limits<T> {
    fn default() -> Self {
        Self {
            by_time: BTreeMap::new(),
            next: 0,
            alarm: None,
        }
    }
}

impl<T> Limits<T> {
    /// From then on it is due. [`Limits::alarm`] has to follow.
    pub(crate) fn set(&mut self, at: Instant, whose: T) -> Limit {
        let number = self.next;
        self.next += 1;
        let limit = Limit { at, number };
        self.by_time.insert(limit, whose);
        limit
    }

    /// It ended in its time, or its limit is another one now.
    pub(crate) fn lift(&mut self, limit: Limit) -> Option<T> {
        self.by_time.remove(&limit)
    }

    /// When an alarm has to ring, unless the one that was asked for rings soon enough. It
    /// takes the place of that one.
    ///
    /// An alarm stays when the limit it was for is lifted: mostly there is another one
    /// soon after, and to ring for nothing now and then costs less than to set an alarm
    /// for each.
    pub(crate) fn alarm(&mut self) -> Option<Instant> {
        let earliest = self.by_time.first_key_value()?.0.at;
        if self.alarm.is_some_and(|at| at <= earliest) {
            return None;
        }
        self.alarm = Some(earliest);
        self.alarm
    }

    /// The alarm for this moment rang. [`Limits::alarm`] has to follow, after all that is
    /// due was taken. One that rings although another one has taken its place is no harm.
    pub(crate) fn rang(&mut self, at: Instant) {
        self.alarm = self.alarm.filter(|alarm| *alarm != at);
    }

    /// Takes the earliest one that is due, and lifts its limit.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<T> {
        let earliest = self.by_time.first_entry()?;
        (earliest.key().at <= now).then(|| earliest.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        limits.set(now + 2 * SECOND, "second");
        limits.set(now + SECOND, "first");
        limits.set(now + 2 * SECOND, "third");
        let lifted = limits.set(now + SECOND, "lifted");
        limits.set(now + 3 * SECOND, "later");
        assert_eq!(limits.lift(lifted), Some("lifted"));
        assert_eq!(limits.lift(lifted), None);
        assert_eq!(limits.take_due(now), None);
        for expected in ["first", "second", "third"] {
            assert_eq!(limits.take_due(now + 2 * SECOND), Some(expected));
        }
        assert_eq!(limits.take_due(now + 2 * SECOND), None);
    }

    #[test]
    fn ten_thousand_limits_of_the_same_length_need_one_alarm() {
        let (mut limits, begin) = (Limits::default(), Instant::now());
        let mut alarms = 0;
        for number in 0..10_000 {
            limits.set(begin + number * SECOND / 1000 + 60 * SECOND, number);
            alarms += u32::from(limits.alarm().is_some());
        }
        assert_eq!(alarms, 1);
    }

    #[test]
    fn an_earlier_limit_needs_an_earlier_alarm() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        limits.set(now + 2 * SECOND, "long");
        assert_eq!(limits.alarm(), Some(now + 2 * SECOND));
        limits.set(now + SECOND, "short");
        assert_eq!(limits.alarm(), Some(now + SECOND));
        limits.rang(now + 2 * SECOND);
        assert_eq!(limits.alarm(), None, "the first one may ring all the same");
        limits.rang(now + SECOND);
        assert_eq!(limits.take_due(now + SECOND), Some("short"));
        assert_eq!(limits.alarm(), Some(now + 2 * SECOND));
    }

    #[test]
    fn after_an_alarm_for_nothing_the_next_one_is_for_what_is_left() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let lifted = limits.set(now + SECOND, "over in time");
        assert!(limits.alarm().is_some());
        limits.set(now + 2 * SECOND, "goes on");
        limits.lift(lifted);
        assert_eq!(limits.alarm(), None, "the one that is set comes first");
        limits.rang(now + SECOND);
        assert_eq!(limits.take_due(now + SECOND), None);
        assert_eq!(limits.alarm(), Some(now + 2 * SECOND));
    }

    #[test]
    fn without_limits_there_is_no_alarm() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let only = limits.set(now, "only");
        limits.lift(only);
        assert_eq!(limits.alarm(), None);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Set(u64),
        Lift(usize),
        Pass(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..50_u64).prop_map(Event::Set),
            (0..20_usize).prop_map(Event::Lift),
            (1..20_u64).prop_map(Event::Pass),
        ]
    }

    proptest! {
        /// Whatever comes and goes: each limit that is not lifted is due when its time is
        /// up, by the alarms alone.
        #[test]
        fn nobody_misses_his_time(events in prop::collection::vec(event(), 1..80)) {
            let mut now = Instant::now();
            let mut limits = Limits::default();
            let mut alarm: Option<Instant> = None;
            let mut open: Vec<(Limit, Instant)> = Vec::new();
            for event in events {
                match event {
                    Event::Set(after) => {
                        let at = now + Duration::from_secs(after);
                        open.push((limits.set(at, at), at));
                        alarm = limits.alarm().or(alarm);
                    }
                    Event::Lift(which) if which < open.len() => {
                        let (limit, at) = open.swap_remove(which);
                        prop_assert_eq!(limits.lift(limit), Some(at));
                    }
                    Event::Lift(_) => {}
                    Event::Pass(seconds) => {
                        let until = now + Duration::from_secs(seconds);
                        while let Some(at) = alarm.filter(|at| *at <= until) {
                            now = at.max(now);
                            limits.rang(at);
                            while let Some(due) = limits.take_due(now) {
                                prop_assert!(due == now, "each in its time");
                                open.retain(|(limit, _)| limits.by_time.contains_key(limit));
                            }
                            alarm = limits.alarm();
                        }
                        now = until;
                        prop_assert!(open.iter().all(|(_, at)| *at > now));
                    }
                }
            }
        }
    }
}
