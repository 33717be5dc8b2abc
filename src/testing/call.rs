//! Calling a handler as a worker does.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use super::end::HandlerEnd;
use super::order::{Calls, Order, around};
use super::stand::Stand;
use crate::config::Settings;
use crate::handler::IntoHandler;
use crate::id::TaskName;
use crate::json::RawJson;
use crate::middleware::{Middleware, Next, TaskCall};
use crate::storage::ObjectStore;
use crate::task::{Task, TaskContext, Told};
use crate::transport::TransportError;
use crate::transport::memory::MemoryOrchestrator;
use crate::{Attachment, TaskSpec, Worker, WorkerBuilder};

/// Calls a handler: an async function, [`blocking()`](crate::blocking()),
/// [`actor()`](crate::actor()), the address of an actor, or a `contract()` of one. Say what the task is like, then
/// `.await` it.
///
/// Behind it is a whole worker on the current thread, with an orchestrator in memory. So
/// parameters, contracts, middleware, files, limits, cancels and panics are what they are
/// in production; there is no second implementation of them.
///
/// ```
/// use axon_worker::testing::{self, Expect};
/// use axon_worker::{Data, ErrorCode, TaskError, TaskFiles};
/// use serde_json::json;
///
/// async fn shout(_: serde_json::Value, files: TaskFiles, by: Data<usize>) -> Result<(), TaskError> {
///     let text = files.read_string("in.txt").await?;
///     files.write("out.txt", text.to_uppercase() + &"!".repeat(*by)).await?;
///     Ok(())
/// }
///
/// # #[actix_rt::main]
/// # async fn main() {
/// let end = testing::call(shout).data(3_usize).file("in.txt", "hello").await;
/// assert_eq!(end.text("out.txt"), "HELLO!!!");
///
/// // No such file: `?` makes it a transient failure.
/// let end = testing::call(shout).data(3_usize).await;
/// assert_eq!(end.failure().code(), &ErrorCode::Transient);
/// # }
/// ```
///
/// With the clock paused (`tokio::time::pause()`, feature `test-util` of tokio) async
/// handlers sleep in no time, and time limits, deadlines, cancels and their grace time
/// follow that clock exactly. Blocking handlers and actors have threads and with them real
/// time: leave the clock alone for these.
///
/// A panic of the handler does not reach the test: it is an outcome, as for a worker, see
/// [`HandlerEnd::panicked`].
///
/// # Panics
/// When awaited: outside an actix system (use `#[actix_rt::test]`), and when the worker
/// cannot be built, for example because the handler asks for data that it was not given.
pub fn call<Args: 'static>(handler: impl IntoHandler<Args> + 'static) -> HandlerCall<Setup> {
    let register = |builder: WorkerBuilder, spec: TaskSpec, is_queue: bool| {
        if is_queue {
            builder.queue(spec, handler)
        } else {
            builder.task(spec, handler)
        }
    };
    let setup = Setup {
        register: Box::new(register),
        spec: TaskSpec::named("task"),
        is_queue: false,
        changes: Vec::new(),
        orchestrator: MemoryOrchestrator::new(),
    };
    HandlerCall::new(setup, Order::default())
}

/// A handler before its first call, see [`call()`].
pub struct Setup {
    register: Box<dyn FnOnce(WorkerBuilder, TaskSpec, bool) -> WorkerBuilder>,
    spec: TaskSpec,
    is_queue: bool,
    changes: Vec<Box<dyn FnOnce(WorkerBuilder) -> WorkerBuilder>>,
    orchestrator: MemoryOrchestrator,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// One call of a handler: what its task is like. `S` is [`Setup`] for the first call, of
/// which there is more to say, or `&Stand` for a further one.
#[must_use = "await it"]
pub struct HandlerCall<S> {
    with: S,
    order: Order,
}

impl<S: std::fmt::Debug> std::fmt::Debug for HandlerCall<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerCall")
            .field("with", &self.with)
            .field("params", &self.order.params)
            .finish_non_exhaustive()
    }
}

/// The task.
impl<S> HandlerCall<S> {
    pub(super) fn new(with: S, order: Order) -> Self {
        Self { with, order }
    }

    pub(super) fn into_parts(self) -> (S, Order) {
        (self.with, self.order)
    }

    /// Its parameters. Default `{}`.
    ///
    /// # Panics
    /// When they have no JSON form.
    pub fn params(mut self, params: &impl Serialize) -> Self {
        self.order.params = RawJson::from_serialize(params).expect("parameters with a JSON form");
        self
    }

    /// Which attempt at the work it is, and how many there are at most. Default 1 of an
    /// unknown number.
    pub fn attempt(self, attempt: u32, most: impl Into<Option<u32>>) -> Self {
        let most = most.into();
        self.task(move |task| {
            task.attempt = attempt;
            task.max_attempts = most;
        })
    }

    /// Anything else about it.
    pub fn task(mut self, change: impl Fn(&mut Task) + Send + Sync + 'static) -> Self {
        self.order.changes.push(Arc::new(change));
        self
    }

    /// Its id. Default `task-1`, `task-2` and so on.
    pub fn task_id(self, id: &str) -> Self {
        let id = id.to_owned();
        self.task(move |task| task.id = id.as_str().into())
    }

    /// The id of its job. Default `job-1`, `job-2` and so on.
    pub fn job_id(self, id: &str) -> Self {
        let id = id.to_owned();
        self.task(move |task| task.job_id = id.as_str().into())
    }

    /// A trace header.
    pub fn trace(self, name: &str, value: &str) -> Self {
        let header = (name.to_owned(), value.to_owned());
        self.task(move |task| task.tracing_context.extend([header.clone()]))
    }

    /// Its metadata, in protocols that have them.
    ///
    /// # Panics
    /// When they have no JSON form.
    pub fn metadata(self, metadata: &impl Serialize) -> Self {
        let metadata = RawJson::from_serialize(metadata).expect("metadata with a JSON form");
        self.task(move |task| task.metadata = Some(metadata.clone()))
    }

    /// A file that belongs to it, in protocols that name them apart from the parameters.
    pub fn attachment(self, file: Attachment) -> Self {
        self.task(move |task| task.attachments.push(file.clone()))
    }

    /// The orchestrator waits for so long from the hand-out on.
    pub fn deadline_in(self, time: Duration) -> Self {
        self.task(move |task| task.deadline = SystemTime::now().checked_add(time))
    }

    /// The orchestrator lets it run for so long.
    pub fn time_limit(self, time: Duration) -> Self {
        self.task(move |task| task.timeout = Some(time))
    }

    /// Writes a file into its folder before the handler is called.
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref().to_owned();
        self.order.files.push((name.to_owned(), content));
        self
    }

    /// Puts a value into it, as a middleware does, for handlers that ask for
    /// [`Injected<T>`](crate::middleware::Injected).
    pub fn inject<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let value = Arc::new(value);
        let inject = move |task: &TaskContext| task.insert_shared(value.clone());
        self.order.injections.push(Arc::new(inject));
        self
    }

    /// Has a model in the hot cache before the handler is called.
    pub fn hot(mut self, model: &str) -> Self {
        self.order.hot.push(model.to_owned());
        self
    }

    /// Calls it off so long after the handler was called.
    pub fn cancel_after(mut self, time: Duration) -> Self {
        self.order.cancel_after = Some(time);
        self
    }

    /// Calls it off as soon as the handler tells something that fits.
    pub fn cancel_when(mut self, fits: impl Fn(&Told) -> bool + Send + Sync + 'static) -> Self {
        self.order.cancel_when = Some(Arc::new(fits));
        self
    }
}

/// The handler, and what it stands on.
impl HandlerCall<Setup> {
    /// The name of its tasks, and what else there is to say of them. Default `task`.
    pub fn named(mut self, spec: impl Into<TaskSpec>) -> Self {
        self.with.spec = spec.into();
        self
    }

    /// Calls it as the handler of a queue (`DistWorker`) of that name.
    pub fn of_queue(mut self, queue: &str) -> Self {
        self.with.is_queue = true;
        self.named(queue)
    }

    /// A value that handlers ask for as [`Data<T>`](crate::Data).
    pub fn data<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.worker(|builder| builder.data(value))
    }

    /// Puts a middleware round it, inside those that came before.
    pub fn middleware(self, middleware: impl Middleware) -> Self {
        self.worker(|builder| builder.middleware(middleware))
    }

    /// The storage that `s3://` parameters come from and results go to.
    pub fn storage(self, store: impl ObjectStore) -> Self {
        self.worker(|builder| builder.storage(store))
    }

    /// Time that it has to end by itself after a cancel, if it asked for the cancel or blocks.
    /// Default 5 s.
    pub fn cancel_grace(self, time: Duration) -> Self {
        self.worker(move |builder| {
            builder.configure(move |settings| settings.timing.cancel_grace = time)
        })
    }

    /// Answers calls of this skill. Calls of others are refused.
    pub fn answer_skill(
        self,
        name: impl Into<TaskName>,
        answer: impl Fn(&RawJson) -> Result<RawJson, TransportError> + Send + Sync + 'static,
    ) -> Self {
        self.with.orchestrator.answer_skill(name, answer);
        self
    }

    /// Anything else about the worker. Its settings are the defaults, whatever the
    /// environment says.
    pub fn worker(mut self, change: impl FnOnce(WorkerBuilder) -> WorkerBuilder + 'static) -> Self {
        self.with.changes.push(Box::new(change));
        self
    }

    /// Keeps the handler for more than one call. What was said of the task counts for all.
    ///
    /// # Panics
    /// As [`call()`].
    pub async fn start(self) -> Stand {
        let (setup, order) = self.into_parts();
        assert!(
            actix::System::try_current().is_some(),
            "testing::call() needs an actix system: use #[actix_rt::test] or #[actix_rt::main]"
        );
        let (calls, slot) = (Arc::<Calls>::default(), Arc::new(Mutex::new(None)));
        let (all, worker) = (calls.clone(), slot.clone());
        let name: TaskName = setup.spec.name().clone();
        let mut builder = Worker::builder("test")
            .settings(Settings::default())
            .without_usage()
            .transport("test", setup.orchestrator.connect())
            .middleware(move |call: TaskCall, next: Next| around(&all, &worker, call, next));
        for change in setup.changes {
            builder = change(builder);
        }
        builder = (setup.register)(builder, setup.spec, setup.is_queue);
        let built = builder.build().unwrap_or_else(|error| panic!("{error}"));
        let started = built.spawn_local().await;
        let worker = started.unwrap_or_else(|error| panic!("{error}"));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker.clone());
        Stand {
            worker,
            orchestrator: setup.orchestrator,
            calls,
            name,
            order,
        }
    }
}

impl IntoFuture for HandlerCall<Setup> {
    type Output = HandlerEnd;
    type IntoFuture = LocalBoxFuture<'static, HandlerEnd>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let stand = self.start().await;
            let end = stand.call().await;
            // What it left on the disk goes with it.
            stand.worker.shutdown().await;
            end
        })
    }
}
