//! What the worker does: handlers, and what they share.

use std::sync::Arc;

use super::WorkerBuilder;
use crate::handler::{IntoHandler, Registration};
use crate::id::check_identifier;
use crate::middleware::{Layer, Middleware};
use crate::rules::Rules;
use crate::worker::TaskSpec;

impl WorkerBuilder {
    /// Registers a handler: an async function, [`blocking()`](crate::blocking()),
    /// [`actor()`](crate::actor()) or the address of an actor that handles
    /// [`RunTask`](crate::RunTask), each of them perhaps in `contract()` (feature
    /// `contracts`). The order of registration is the order in which orchestrators see
    /// the tasks.
    #[must_use]
    pub fn task<Args>(
        mut self,
        task: impl Into<TaskSpec>,
        handler: impl IntoHandler<Args>,
    ) -> Self {
        let registration = self.registration(task.into(), handler);
        let entry = &registration.entry;
        self.check_names(Some(entry.name.as_str()), entry.kind.as_deref());
        let name = entry.name.clone();
        if !self.registry.add(registration) {
            self.problems
                .push(format!("task {name:?} is registered twice"));
        }
        self
    }

    /// Registers a handler of the queues that match a pattern, for orchestrators that
    /// have queues (`DistWorker`). Orchestrators that are told the names of tasks are
    /// not told of these.
    ///
    /// Names are compared segment by segment, divided by dots: `*` stands for exactly
    /// one segment, `#` at the end for one or more, and everything else for itself. So
    /// `math.*` is for `math.add` and not for `math`, and `files.#` for `files.a` and
    /// `files.a.b`.
    ///
    /// A task goes to the handler of exactly its queue, else to that of the most
    /// specific pattern, else to the [default one](Self::default_handler). Of two
    /// patterns, the first segment in which they differ decides: a name comes before
    /// `*`, and `*` before `#`. The order of registration does not matter.
    #[must_use]
    pub fn queue<Args>(
        mut self,
        queue: impl Into<TaskSpec>,
        handler: impl IntoHandler<Args>,
    ) -> Self {
        let registration = self.registration(queue.into(), handler);
        let entry = &registration.entry;
        self.check_names(None, entry.kind.as_deref());
        let name = entry.name.clone();
        if name.as_str().is_empty() {
            self.problems.push("queue: the pattern is empty".to_owned());
        }
        if !self.registry.add_queue(registration) {
            self.problems
                .push(format!("queue {name:?} has a handler already"));
        }
        self
    }

    /// Registers the handler of all tasks that no other one is for. Without it they
    /// fail.
    #[must_use]
    pub fn default_handler<Args>(mut self, handler: impl IntoHandler<Args>) -> Self {
        let registration = self.registration("(default)".into(), handler);
        if !self.registry.set_fallback(registration) {
            let twice = "the default handler is given twice";
            self.problems.push(twice.to_owned());
        }
        self
    }

    /// The handler with its contract, whose schemas are compiled here.
    fn registration<Args>(
        &mut self,
        spec: TaskSpec,
        handler: impl IntoHandler<Args>,
    ) -> Registration {
        let TaskSpec { entry, timeout } = spec.or_contract(handler.contract());
        let name = &entry.name;
        let rules = Rules::new(&entry.contract).unwrap_or_else(|problems| {
            let named = problems.iter().map(|why| format!("task {name:?}: {why}"));
            self.problems.extend(named);
            Rules::default()
        });
        Registration {
            entry,
            timeout,
            job: handler.into_handler().0,
            rules: Arc::new(rules),
        }
    }

    fn check_names(&mut self, name: Option<&str>, kind: Option<&str>) {
        for name in [name, kind].into_iter().flatten() {
            if let Err(error) = check_identifier(name) {
                self.problems.push(format!("task: {error}"));
            }
        }
    }

    /// Shares a value with all handlers, which ask for it as
    /// [`Data<T>`](crate::Data) or with [`TaskContext::data`](crate::TaskContext::data).
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.shared_data(Arc::new(value))
    }

    /// [`WorkerBuilder::data`] for a value that is shared already.
    #[must_use]
    pub fn shared_data<T: Send + Sync + 'static>(mut self, value: Arc<T>) -> Self {
        self.data.insert(value);
        self
    }

    /// Puts a middleware round all handlers, inside those that came before; see
    /// [`middleware`](crate::middleware).
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(Layer {
            names: None,
            middleware: Arc::new(middleware),
        });
        self
    }

    /// [`WorkerBuilder::middleware`] round the handlers of these tasks only.
    #[must_use]
    pub fn middleware_for<N: Into<String>>(
        mut self,
        tasks: impl IntoIterator<Item = N>,
        middleware: impl Middleware,
    ) -> Self {
        self.layers.push(Layer {
            names: Some(tasks.into_iter().map(Into::into).collect()),
            middleware: Arc::new(middleware),
        });
        self
    }

    /// The models that a task needs. When all of them are in the hot cache, the
    /// task is reported as a hot skill. A task that has no handler is a mistake.
    #[must_use]
    pub fn skill_dependency<M: Into<String>>(
        mut self,
        task: impl Into<String>,
        models: impl IntoIterator<Item = M>,
    ) -> Self {
        let models = models.into_iter().map(Into::into).collect();
        self.skill_dependencies.insert(task.into(), models);
        self
    }
}
