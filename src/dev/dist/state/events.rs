//! What workers did, as far back as it is kept.

use std::collections::VecDeque;

use super::DistEvent;

/// How many are kept: a controller may run for days.
const MOST: usize = 10_000;

/// The latest events, in order.
#[derive(Debug, Default)]
pub(in crate::dev::dist) struct Events {
    kept: VecDeque<DistEvent>,
    /// How many there were before these.
    forgotten: usize,
}

impl Events {
    pub(in crate::dev::dist) fn push(&mut self, event: DistEvent) {
        self.kept.push_back(event);
        if self.kept.len() > MOST {
            self.kept.pop_front();
            self.forgotten += 1;
        }
    }

    pub(in crate::dev::dist) fn iter(&self) -> impl Iterator<Item = &DistEvent> {
        self.kept.iter()
    }

    /// Those after the first `seen` ones, and how many there were in all.
    pub(in crate::dev::dist) fn after(&self, seen: usize) -> (Vec<DistEvent>, usize) {
        let skipped = seen.saturating_sub(self.forgotten);
        let after = self.kept.iter().skip(skipped).cloned().collect();
        (after, self.forgotten + self.kept.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_events_the_latest_are_kept_and_each_is_told_once() {
        let mut events = Events::default();
        let event = |number: usize| DistEvent::Ignored(number.to_string());
        (0..3).for_each(|number| events.push(event(number)));
        let (first, seen) = events.after(0);
        assert_eq!((first.len(), seen), (3, 3));
        assert_eq!(events.after(seen), (vec![], 3));

        (3..MOST + 10).for_each(|number| events.push(event(number)));
        assert_eq!(events.iter().count(), MOST);
        let (rest, all) = events.after(seen);
        assert_eq!((rest.len(), all), (MOST, MOST + 10));
        assert_eq!(rest[0], event(10), "what was forgotten is not told");
        assert_eq!(events.after(all).0, []);
        assert_eq!(events.after(all - 1).0, [event(MOST + 9)]);
    }
}
