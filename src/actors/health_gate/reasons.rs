//! Why the worker is in no state to take tasks: decided here, and told everywhere in the
//! same words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::storage::{Failures, ResourceFault};

/// So many tasks in a row have to fail for want of room before a probe that succeeds is not
/// believed: it writes little.
const FEW: u32 = 3;

/// What a reason is about. They are told in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concern {
    /// The disk does not answer.
    Silence,
    /// The task folders cannot be written.
    Folders,
    FreeDisk,
    OpenFiles,
    Memory,
    /// A check of the user's.
    Check,
    /// Polls of the process before are held.
    EarlierPolls,
}

/// All reasons not to take tasks now.
#[derive(Debug, Default)]
pub(super) struct Reasons(BTreeMap<Concern, Arc<str>>);

impl Reasons {
    pub(super) fn set(&mut self, concern: Concern, reason: Option<String>) {
        match reason {
            Some(reason) => drop(self.0.insert(concern, reason.into())),
            None => drop(self.0.remove(&concern)),
        }
    }

    pub(super) fn has(&self, concern: Concern) -> bool {
        self.0.contains_key(&concern)
    }

    /// What everybody is told, if there is a reason.
    pub(super) fn text(&self) -> Option<Arc<str>> {
        let mut reasons = self.0.values();
        let first = reasons.next()?;
        if reasons.next().is_none() {
            return Some(first.clone());
        }
        let all: Vec<&str> = self.0.values().map(|it| &**it).collect();
        Some(all.join("; ").into())
    }
}

/// Whether tasks can have their folders: by what they had of them, and by what a probe that
/// writes a file says.
#[derive(Debug)]
pub(super) struct Folders {
    /// Where they are, for people.
    place: String,
    /// Whether a probe that fails is reason enough. Otherwise a task has to fail first, for
    /// there are workers whose tasks need no files.
    are_needed: bool,
    failures: Failures,
    /// Why the last probe failed, if it did.
    broken: Option<String>,
    /// What tasks failed for although a probe succeeds.
    short_of: Option<ResourceFault>,
}

impl Folders {
    pub(super) fn new(place: String, are_needed: bool) -> Self {
        Self {
            place,
            are_needed,
            failures: Failures::default(),
            broken: None,
            short_of: None,
        }
    }

    /// Takes note of what tasks had of their folders. Returns whether a probe should follow
    /// at once.
    pub(super) fn tried(&mut self, failures: Failures) -> bool {
        self.failures = failures;
        let Some(fault) = failures.fault else {
            self.broken = None;
            self.short_of = None;
            return false;
        };
        // The others hold for small files as well.
        let is_of_size = matches!(
            fault,
            ResourceFault::NoSpace | ResourceFault::TooManyOpenFiles
        );
        if is_of_size && failures.in_a_row >= FEW {
            self.short_of = Some(fault);
        }
        true
    }

    /// Takes note of a probe. `is_due`: it came some time after what tasks had.
    pub(super) fn probed(&mut self, result: Result<(), String>, is_due: bool) {
        self.broken = result.err();
        if is_due && self.broken.is_none() {
            // On trial: the next failure is one more in a row.
            self.short_of = None;
        }
    }

    pub(super) fn reason(&self) -> Option<String> {
        if let Some(broken) = &self.broken
            && (self.are_needed || self.failures.in_a_row > 0)
        {
            return Some(format!(
                "task folders cannot be used (TASK_FILES_DIR): {broken}"
            ));
        }
        let (fault, place) = (self.short_of?, &self.place);
        Some(format!(
            "task folders cannot be used (TASK_FILES_DIR): {place}: {fault} for the files of tasks"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(in_a_row: u32, fault: ResourceFault) -> Failures {
        Failures {
            in_a_row,
            fault: Some(fault),
        }
    }

    fn broken() -> Result<(), String> {
        Err("/pay: no space".to_owned())
    }

    #[test]
    fn several_reasons_are_told_in_one_order() {
        let mut reasons = Reasons::default();
        assert_eq!(reasons.text(), None);
        reasons.set(Concern::Check, Some("no".to_owned()));
        assert_eq!(reasons.text().as_deref(), Some("no"));
        reasons.set(Concern::Memory, Some("full".to_owned()));
        assert_eq!(reasons.text().as_deref(), Some("full; no"));
        reasons.set(Concern::Check, None);
        assert_eq!(reasons.text().as_deref(), Some("full"));
    }

    #[test]
    fn a_folder_that_nobody_needs_is_no_reason_until_a_task_fails() {
        let mut folders = Folders::new("/pay".to_owned(), false);
        folders.probed(broken(), true);
        assert_eq!(folders.reason(), None);
        assert!(folders.tried(failed(1, ResourceFault::ReadOnly)));
        folders.probed(broken(), false);
        assert!(folders.reason().unwrap().contains("/pay: no space"));
        folders.probed(Ok(()), true);
        assert_eq!(folders.reason(), None);

        let mut needed = Folders::new("/pay".to_owned(), true);
        needed.probed(broken(), true);
        assert!(needed.reason().is_some());
    }

    #[test]
    fn room_for_a_probe_is_not_room_for_tasks() {
        let mut folders = Folders::new("/pay".to_owned(), true);
        for in_a_row in 1..FEW {
            assert!(folders.tried(failed(in_a_row, ResourceFault::NoSpace)));
            folders.probed(Ok(()), false);
            assert_eq!(folders.reason(), None, "{in_a_row}");
        }
        folders.tried(failed(FEW, ResourceFault::NoSpace));
        folders.probed(Ok(()), false);
        assert!(folders.reason().unwrap().contains("no space is left"));
        folders.probed(Ok(()), true);
        assert_eq!(folders.reason(), None, "on trial");
        folders.tried(failed(FEW + 1, ResourceFault::NoSpace));
        folders.probed(Ok(()), false);
        assert!(folders.reason().is_some(), "one is enough now");
        assert!(!folders.tried(Failures::default()));
        assert_eq!(folders.reason(), None);
    }

    #[test]
    fn the_probe_decides_about_what_holds_for_every_file() {
        let mut folders = Folders::new("/pay".to_owned(), true);
        for in_a_row in 1..10 {
            folders.tried(failed(in_a_row, ResourceFault::NoPermission));
            folders.probed(Ok(()), false);
            assert_eq!(folders.reason(), None, "something of the tasks' own");
        }
    }
}
