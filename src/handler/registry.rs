//! The handlers of a worker, by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::warn;

use super::queues::Pattern;
use super::{ErasedHandler, HandlerContext, SharedData};
use crate::id::{TaskName, WorkerId};
use crate::middleware::{Layer, wrap};
use crate::rules::Rules;
use crate::transport::TaskEntry;

/// A handler with everything that was said of it at registration.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) entry: TaskEntry,
    pub(crate) timeout: Option<Duration>,
    pub(crate) job: Arc<dyn ErasedHandler>,
    pub(crate) rules: Arc<Rules>,
}

/// All handlers, in the order of their registration. A task gets the one of its own
/// name, else that of the most specific pattern, else the default one.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    list: Vec<Registration>,
    by_name: HashMap<TaskName, usize>,
    /// The most specific one first.
    patterns: Vec<(Pattern, usize)>,
    fallback: Option<usize>,
    /// Places of handlers of queues, which are not told to orchestrators.
    queues: Vec<usize>,
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

    /// Adds a handler of the queues that match a pattern, which is its name. `false`:
    /// there is one for the same queues, nothing was added.
    pub(crate) fn add_queue(&mut self, registration: Registration) -> bool {
        let pattern = Pattern::new(registration.entry.name.as_str());
        let place = self.list.len();
        if self.patterns.iter().any(|(other, _)| *other == pattern) || !self.add(registration) {
            return false;
        }
        self.queues.push(place);
        if !pattern.is_exact() {
            let by_pattern = |(other, _): &(Pattern, usize)| other.cmp(&pattern).is_lt();
            let at = self.patterns.partition_point(by_pattern);
            self.patterns.insert(at, (pattern, place));
        }
        true
    }

    /// Sets the handler of all that no other is for. `false`: there is one already.
    pub(crate) fn set_fallback(&mut self, registration: Registration) -> bool {
        if self.fallback.is_some() {
            return false;
        }
        let place = self.list.len();
        self.list.push(registration);
        self.queues.push(place);
        self.fallback = Some(place);
        true
    }

    /// The handler of a task of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Registration> {
        let of_pattern = || {
            let mut patterns = self.patterns.iter();
            let found = patterns.find(|(pattern, _)| pattern.matches(name));
            found.map(|(_, place)| place)
        };
        let place = self.by_name.get(name).or_else(of_pattern);
        place
            .or(self.fallback.as_ref())
            .map(|place| &self.list[*place])
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|it| it.entry.name.as_str())
    }

    /// Returns whether a handler is of that type.
    pub(crate) fn has_type(&self, kind: &str) -> bool {
        let mut kinds = self.list.iter().map(|it| it.entry.kind.as_deref());
        kinds.any(|it| it == Some(kind))
    }

    /// The handlers that orchestrators are told of.
    pub(crate) fn entries(&self) -> Vec<TaskEntry> {
        self.entries_where(|place| !self.queues.contains(&place))
    }

    /// The handlers of queues.
    pub(crate) fn queue_entries(&self) -> Vec<TaskEntry> {
        self.entries_where(|place| self.queues.contains(&place))
    }

    fn entries_where(&self, is_meant: impl Fn(usize) -> bool) -> Vec<TaskEntry> {
        let places = self.list.iter().enumerate();
        places
            .filter(|(place, _)| is_meant(*place))
            .map(|(_, registration)| registration.entry.clone())
            .collect()
    }

    /// Puts middleware round the handlers it is meant for.
    pub(crate) fn wrap(&mut self, layers: &[Layer]) {
        for registration in &mut self.list {
            let name = registration.entry.name.as_str();
            registration.job = wrap(registration.job.clone(), name, layers);
        }
    }

    /// The worker starts.
    pub(crate) fn begin(&self, worker_id: &WorkerId) {
        for registration in &self.list {
            let name = registration.entry.name.clone();
            let context = HandlerContext::new(worker_id.clone(), name);
            registration.job.begin(&context);
        }
    }

    /// The worker ends. Waits for what the handlers still do, for so long.
    pub(crate) async fn end(&self, limit: Duration) {
        let ends = self.list.iter().filter_map(|it| it.job.end());
        if tokio::time::timeout(limit, join_all(ends)).await.is_err() {
            warn!("handlers do not stop, they are left behind");
        }
    }

    /// What handlers ask for and the builder was not given, as problems.
    pub(crate) fn missing(&self, data: &SharedData) -> Vec<String> {
        let mut missing = Vec::new();
        for registration in &self.list {
            for need in registration.job.needs() {
                if !data.has(&need) {
                    let (task, form) = (&registration.entry.name, need.form);
                    missing.push(format!(
                        "the handler of task {task:?} asks for {form}<{}>, which was not \
                         given to the builder",
                        need.name
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::IntoHandler;

    async fn nothing(_: serde_json::Value) -> Result<(), crate::TaskError> {
        Ok(())
    }

    fn named(name: &str) -> Registration {
        Registration {
            entry: TaskEntry::named(name),
            timeout: None,
            job: nothing.into_handler().0,
            rules: Arc::default(),
        }
    }

    fn found<'a>(registry: &'a Registry, name: &str) -> Option<&'a str> {
        registry.get(name).map(|found| found.entry.name.as_str())
    }

    #[test]
    fn a_name_wins_over_patterns_and_these_over_the_default() {
        let mut registry = Registry::default();
        assert!(registry.set_fallback(named("any")));
        for pattern in ["#", "files.#", "math.*", "*.add", "math.add"] {
            assert!(registry.add_queue(named(pattern)), "{pattern}");
        }
        assert!(registry.add(named("echo")));
        for (queue, handler) in [
            ("math.add", "math.add"),
            ("math.sub", "math.*"),
            ("text.add", "*.add"),
            ("files.a.b", "files.#"),
            ("files", "#"),
            ("echo", "echo"),
        ] {
            assert_eq!(found(&registry, queue), Some(handler), "{queue}");
        }
        let mut registry = Registry::default();
        assert!(registry.add_queue(named("math.*")));
        assert_eq!(found(&registry, "text.add"), None);
        assert!(registry.set_fallback(named("any")));
        assert_eq!(found(&registry, "text.add"), Some("any"));
    }

    #[test]
    fn one_pattern_has_one_handler_in_whatever_words() {
        let mut registry = Registry::default();
        assert!(registry.add(named("echo")));
        assert!(registry.add_queue(named("a.#")));
        assert!(!registry.add_queue(named("a.#")));
        assert!(!registry.add_queue(named("a.#.z")));
        assert!(!registry.add_queue(named("echo")));
        assert!(registry.set_fallback(named("any")) && !registry.set_fallback(named("any")));
    }

    #[test]
    fn orchestrators_are_not_told_of_queues() {
        let mut registry = Registry::default();
        assert!(registry.add_queue(named("math.*")) && registry.add(named("echo")));
        assert!(registry.set_fallback(named("any")));
        assert_eq!(registry.entries(), [TaskEntry::named("echo")]);
        assert_eq!(registry.queue_entries().len(), 2);
    }
}
