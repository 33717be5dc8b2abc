//! The handlers of a worker, by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Job, SharedData};
use crate::id::TaskName;
use crate::middleware::{Layer, wrap};
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

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|it| it.entry.name.as_str())
    }

    pub(crate) fn entries(&self) -> Vec<TaskEntry> {
        self.list
            .iter()
            .map(|registration| registration.entry.clone())
            .collect()
    }

    /// Puts middleware round the handlers it is meant for.
    pub(crate) fn wrap(&mut self, layers: &[Layer]) {
        for registration in &mut self.list {
            let name = registration.entry.name.as_str();
            registration.job = wrap(registration.job.clone(), name, layers);
        }
    }

    /// What handlers ask for and the builder was not given, as problems.
    pub(crate) fn missing(&self, data: &SharedData) -> Vec<String> {
        let mut missing = Vec::new();
        for registration in &self.list {
            for need in registration.job.needs() {
                if !data.has(&need) {
                    let (task, value) = (&registration.entry.name, need.name);
                    missing.push(format!(
                        "the handler of task {task:?} asks for Data<{value}>, which was not \
                         given to the builder"
                    ));
                }
            }
        }
        missing
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
