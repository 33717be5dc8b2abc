//! Which work ended the process. A retry by the orchestrator has a new task id but
//! the same job and name, so those are counted.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::record::seconds;
use crate::id::{JobId, TaskName};

/// So often a process may die while some work runs before it is refused.
const TOLERATED: u32 = 2;
/// Afterwards a death is forgotten: the program may have been mended.
const REMEMBERED: Duration = Duration::from_hours(24);
/// The most that is remembered; the oldest goes first.
const MOST: usize = 1000;

pub(super) type Work = (JobId, TaskName);

/// The deaths of processes, by the work that ran at that time.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    counts: HashMap<Work, Count>,
}

/// How often, and when last (in seconds of the system clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) deaths: u32,
    pub(super) last: u64,
}

impl Count {
    fn is_old(self, now: SystemTime) -> bool {
        seconds(now).saturating_sub(self.last) > REMEMBERED.as_secs()
    }
}

impl Deaths {
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Work, Count)> {
        self.counts.iter().map(|(work, count)| (work, *count))
    }

    /// Takes what an earlier process has noted.
    pub(super) fn restore(&mut self, work: Work, count: Count) {
        self.counts.insert(work, count);
    }

    /// A process died while this ran. Returns what to note.
    pub(super) fn died(&mut self, work: &Work, now: SystemTime) -> Count {
        let before = self.counts.get(work).filter(|count| !count.is_old(now));
        let count = Count {
            deaths: before.map_or(0, |count| count.deaths).saturating_add(1),
            last: seconds(now),
        };
        self.counts.insert(work.clone(), count);
        count
    }

    /// Whether this has killed the process too often to be run again.
    pub(super) fn refuses(&self, work: &Work, now: SystemTime) -> bool {
        let count = self.counts.get(work);
        count.is_some_and(|count| count.deaths >= TOLERATED && !count.is_old(now))
    }

    /// It went well this time. `true`: there is a note to be removed.
    pub(super) fn went_well(&mut self, work: &Work) -> bool {
        self.counts.remove(work).is_some()
    }

    /// Takes out what is old and what is too much.
    pub(super) fn expire(&mut self, now: SystemTime) -> Vec<Work> {
        let mut kept: Vec<_> = self.counts.iter().map(|(w, c)| (c.last, w)).collect();
        kept.sort_by(|a, b| b.cmp(a));
        let is_too_much =
            |place: usize, work: &Work| place >= MOST || self.counts[work].is_old(now);
        let gone: Vec<Work> = kept
            .into_iter()
            .enumerate()
            .filter(|(place, (_, work))| is_too_much(*place, work))
            .map(|(_, (_, work))| work.clone())
            .collect();
        for work in &gone {
            self.counts.remove(work);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(number: usize) -> Work {
        (format!("job-{number}").into(), "crunch".into())
    }

    #[test]
    fn the_second_death_is_one_too_many_until_a_day_has_passed() {
        let (mut deaths, now) = (Deaths::default(), SystemTime::now());
        deaths.died(&work(1), now);
        assert!(!deaths.refuses(&work(1), now));
        deaths.died(&work(1), now);
        assert!(deaths.refuses(&work(1), now));
        assert!(!deaths.refuses(&work(2), now), "another job");
        let later = now + REMEMBERED + Duration::from_secs(2);
        assert!(!deaths.refuses(&work(1), later));
        assert_eq!(deaths.died(&work(1), later).deaths, 1, "counted anew");
    }

    #[test]
    fn a_success_wipes_the_slate() {
        let (mut deaths, now) = (Deaths::default(), SystemTime::now());
        deaths.died(&work(1), now);
        assert!(deaths.went_well(&work(1)));
        assert!(!deaths.went_well(&work(1)));
        assert_eq!(deaths.died(&work(1), now).deaths, 1);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (mut deaths, now) = (Deaths::default(), SystemTime::now());
        for number in 0..MOST + 5 {
            let at = now + Duration::from_secs(number as u64);
            deaths.died(&work(number), at);
        }
        let gone = deaths.expire(now + Duration::from_mins(1));
        assert_eq!(gone.len(), 5);
        assert!(gone.contains(&work(0)) && !gone.contains(&work(5)));
        assert_eq!(deaths.counts.len(), MOST);
    }
}
