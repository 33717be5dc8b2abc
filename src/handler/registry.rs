//! The handlers of a worker, by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::id::TaskName;
use crate::rules::Rules;
use crate::transport::TaskEntry;

/// A handler with everything that was said of it at registration.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) entry: TaskEntry,
    pub(crate) timeout: Option<Duration>,
    pub(crate) job: Arc<dyn Job>,
    pub(crate) rules: Arc<Rules>,
}

/// All handlers, in the order of their registration.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    list: Vec<Registration>,
    by_name: HashMap<TaskName, usize>,
}

impl Registry {
    /// Adds a handler. `false`: the name is taken, nothing was added.
    pub(crate) fn add(&mut self, registration: Registration) -> bool {
        let name = registration.entry.name.clone();
        if self.by_name.contains_key(&name) {
            return false;
        }
        self.by_name.insert(name, self.list.len());
        self.list.push(registration);
        true
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registration> {
        self.by_name.get(name).map(|place| &self.list[*place])
    }

    pub(crate) fn entries(&self) -> Vec<TaskEntry> {
        self.list
            .iter()
            .map(|registration| registration.entry.clone())
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
