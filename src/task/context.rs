//! What a handler knows of its task, and what it can do besides returning.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use actix::Recipient;

use super::teller::Teller;
use super::{Attachment, Cancellation, Task, Told, Witness};
use crate::actors::{CallSkill, HotCacheChange, Tell};
use crate::handler::SharedData;
use crate::id::{JobId, OrchestratorId, TaskId, TaskName};
use crate::json::RawJson;
use crate::rules::Rules;
use crate::status::StatusBoard;
use crate::storage::TaskFiles;
use crate::trace::{TRACEPARENT, TRACESTATE, TaskSpan, TraceContext};

/// A handler's view of its task. Cheap to clone, usable from any thread.
///
/// ```
/// use axon_worker::{TaskContext, TaskError};
/// use serde_json::{Value, json};
///
/// async fn sum(rows: Vec<f64>, task: TaskContext) -> Result<Value, TaskError> {
///     let mut sum = 0.0;
///     for (row, done) in rows.iter().zip(1_u32..) {
///         if task.is_cancelled() {
///             return Err(TaskError::transient("called off"));
///         }
///         sum += row;
///         task.progress(f64::from(done) / rows.len() as f64, "adding").await;
///     }
///     // The task's own folder goes when its result is delivered.
///     task.files().write("sum.txt", sum.to_string()).await?;
///     Ok(json!({ "sum": sum, "job": task.job_id() }))
/// }
/// # let _ = axon_worker::Worker::builder("example").task("sum", sum);
/// ```
#[derive(Clone)]
pub struct TaskContext(Arc<Inner>);

struct Inner {
    about: About,
    cancellation: Cancellation,
    files: TaskFiles,
    rules: Arc<Rules>,
    span: TaskSpan,
    services: Arc<Services>,
    /// Values of this task alone, put there by middleware.
    injected: Mutex<SharedData>,
    /// Made when the task has something to tell.
    teller: OnceLock<Arc<Teller>>,
    /// Only in tests of handlers.
    witness: OnceLock<Witness>,
}

/// The task without its parameters.
struct About {
    origin: OrchestratorId,
    id: TaskId,
    job_id: JobId,
    name: TaskName,
    priority: f64,
    deadline: Option<SystemTime>,
    tracing_context: BTreeMap<String, String>,
    metadata: Option<RawJson>,
    attempt: u32,
    max_attempts: Option<u32>,
    timeout: Option<Duration>,
    attachments: Vec<Attachment>,
}

/// What the handlers of one worker share.
pub(crate) struct Services {
    pub(crate) data: SharedData,
    pub(crate) tell: Recipient<Tell>,
    pub(crate) call_skill: Recipient<CallSkill>,
    pub(crate) strict_events: bool,
    pub(crate) hot_cache: Recipient<HotCacheChange>,
    pub(crate) board: Arc<StatusBoard>,
}

impl TaskContext {
    pub(crate) fn new(
        task: Task,
        cancellation: Cancellation,
        files: TaskFiles,
        rules: Arc<Rules>,
        span: TaskSpan,
        services: Arc<Services>,
    ) -> Self {
        let about = About {
            origin: task.origin,
            id: task.id,
            job_id: task.job_id,
            name: task.name,
            priority: task.priority,
            deadline: task.deadline,
            tracing_context: task.tracing_context,
            metadata: task.metadata,
            attempt: task.attempt,
            max_attempts: task.max_attempts,
            timeout: task.timeout,
            attachments: task.attachments,
        };
        Self(Arc::new(Inner {
            about,
            cancellation,
            files,
            rules,
            span,
            services,
            injected: Mutex::default(),
            teller: OnceLock::new(),
            witness: OnceLock::new(),
        }))
    }

    /// The id of this hand-out; a retry by the orchestrator has a new one.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.0.about.id
    }

    /// The job this task belongs to.
    #[must_use]
    pub fn job_id(&self) -> &JobId {
        &self.0.about.job_id
    }

    /// The name under which the handler was asked for.
    #[must_use]
    pub fn name(&self) -> &TaskName {
        &self.0.about.name
    }

    /// Higher is more urgent; 0.0 where the protocol has none.
    #[must_use]
    pub fn priority(&self) -> f64 {
        self.0.about.priority
    }

    /// When the orchestrator stops waiting, if it said so.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.0.about.deadline
    }

    /// Trace headers of whoever made the job, for example `traceparent`.
    #[must_use]
    pub fn tracing_context(&self) -> &BTreeMap<String, String> {
        &self.0.about.tracing_context
    }

    /// Where in a trace the caller is: what calls of the handler's own should name as
    /// their parent, with the headers of [`TraceContext::headers`]. While spans are
    /// recorded (feature `otlp`) that is the innermost one, else the parent that came
    /// with the task, and `None` if neither is there.
    ///
    /// ```
    /// use axon_worker::{TaskContext, TaskError};
    ///
    /// async fn ask(url: String, task: TaskContext) -> Result<(), TaskError> {
    ///     let mut request = awc::Client::default().get(url);
    ///     for (name, value) in task.trace().iter().flat_map(|it| it.headers()) {
    ///         request = request.insert_header((name, value));
    ///     }
    ///     request.send().await.map_err(|e| TaskError::transient(e.to_string()))?;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.0.span.here()
    }

    /// The span of the task, to log inside of it from threads of one's own. Handlers are
    /// called inside of it anyway.
    #[must_use]
    pub fn span(&self) -> &tracing::Span {
        self.0.span.span()
    }

    /// What events and calls of this task tell of the trace: all that came, with our own
    /// place in it.
    pub(super) fn trace_to_tell(&self) -> BTreeMap<String, String> {
        let mut headers = self.tracing_context().clone();
        headers.retain(|name, _| {
            !name.eq_ignore_ascii_case(TRACEPARENT) && !name.eq_ignore_ascii_case(TRACESTATE)
        });
        let ours = self.trace().map(|it| it.headers()).unwrap_or_default();
        headers.extend(
            ours.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        headers
    }

    /// Extra data of protocols that have it.
    #[must_use]
    pub fn metadata(&self) -> Option<&RawJson> {
        self.0.about.metadata.as_ref()
    }

    /// Which attempt at the work this is, from 1, where the protocol tells. RXON and
    /// `DistWorker` do not: with them it is always 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.about.attempt
    }

    /// How many attempts there are at most, where the protocol tells: after a failure of the
    /// last one the work is not handed out again.
    #[must_use]
    pub fn max_attempts(&self) -> Option<u32> {
        self.0.about.max_attempts
    }

    /// The longest the task may run, where its orchestrator says so. The worker sees
    /// to it.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.0.about.timeout
    }

    /// The files that belong to it, in protocols that name them apart from the
    /// parameters.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.0.about.attachments
    }

    /// Returns the signal that the task is cancelled.
    ///
    /// An async handler that never asked for it, here, with [`TaskContext::is_cancelled`] or
    /// by an argument of type [`Cancellation`], is dropped at its next `.await` when the task
    /// is cancelled. One that did has the grace time (`AXON_CANCEL_GRACE`) to end by itself.
    /// A blocking handler has to look by itself, and always has the grace time; so has every
    /// handler when the worker shuts down, since what it finishes then counts.
    #[must_use]
    pub fn cancellation(&self) -> &Cancellation {
        self.0.cancellation.watch();
        &self.0.cancellation
    }

    /// Short for `cancellation().is_cancelled()`.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation().is_cancelled()
    }

    /// [`TaskContext::cancellation`] for the worker itself, which asks for no grace time.
    pub(crate) fn cancel_signal(&self) -> &Cancellation {
        &self.0.cancellation
    }

    /// The folder of this task.
    #[must_use]
    pub fn files(&self) -> &TaskFiles {
        &self.0.files
    }

    /// A value given to `WorkerBuilder::data`, by its type.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.services.data.get::<T>()
    }

    /// Puts a value into this task, in place of one of the same type, for whoever
    /// asks for it as [`Injected<T>`](crate::middleware::Injected). Meant for middleware.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        self.insert_shared(Arc::new(value));
    }

    pub(crate) fn insert_shared<T: Send + Sync + 'static>(&self, value: Arc<T>) {
        self.injections().insert(value);
    }

    /// A value that was put into this task with [`TaskContext::insert`], by its type.
    #[must_use]
    pub fn injected<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.injections().get()
    }

    /// Lets somebody see all that the task tells. The first one stays.
    pub(crate) fn watch(&self, witness: Witness) {
        let _ = self.0.witness.set(witness);
    }

    pub(super) fn seen(&self, told: impl FnOnce() -> Told) {
        if let Some(witness) = self.0.witness.get() {
            witness(told());
        }
    }

    fn injections(&self) -> MutexGuard<'_, SharedData> {
        let injected = self.0.injected.lock();
        injected.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn origin(&self) -> OrchestratorId {
        self.0.about.origin
    }

    pub(crate) fn board(&self) -> &Arc<StatusBoard> {
        &self.0.services.board
    }

    pub(super) fn services(&self) -> &Services {
        &self.0.services
    }

    /// The contract of the handler.
    pub(crate) fn rules(&self) -> &Arc<Rules> {
        &self.0.rules
    }

    pub(super) fn teller_or(&self, make: impl FnOnce() -> Arc<Teller>) -> &Arc<Teller> {
        self.0.teller.get_or_init(make)
    }

    /// What the task has told, if anything.
    pub(super) fn told(&self) -> Option<&Arc<Teller>> {
        self.0.teller.get()
    }

    /// The models that this worker reports to have in memory.
    #[must_use]
    pub fn hot_cache(&self) -> HotCache {
        HotCache {
            actor: self.0.services.hot_cache.clone(),
            witness: self.0.witness.get().cloned(),
        }
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = &self.0.about;
        f.debug_struct("TaskContext")
            .field("task_id", &about.id)
            .field("job_id", &about.job_id)
            .field("name", &about.name)
            .field("cancelled", &self.0.cancellation.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// The set of models that the worker reports to have in memory, so that
/// orchestrators prefer it for tasks that need them.
#[derive(Clone)]
pub struct HotCache {
    actor: Recipient<HotCacheChange>,
    witness: Option<Witness>,
}

impl HotCache {
    /// Adds a model. Returns the whole set after the change, sorted.
    pub async fn add(&self, model: impl Into<String>) -> Vec<String> {
        self.change(HotCacheChange::Add(model.into())).await
    }

    /// Removes a model. Returns the whole set after the change, sorted.
    pub async fn remove(&self, model: impl Into<String>) -> Vec<String> {
        self.change(HotCacheChange::Remove(model.into())).await
    }

    /// [`HotCache::add`] for blocking handlers: does not wait.
    pub fn add_now(&self, model: impl Into<String>) {
        self.actor
            .do_send(self.seen(HotCacheChange::Add(model.into())));
    }

    /// [`HotCache::remove`] for blocking handlers: does not wait.
    pub fn remove_now(&self, model: impl Into<String>) {
        self.actor
            .do_send(self.seen(HotCacheChange::Remove(model.into())));
    }

    async fn change(&self, change: HotCacheChange) -> Vec<String> {
        self.actor.send(self.seen(change)).await.unwrap_or_default()
    }

    fn seen(&self, change: HotCacheChange) -> HotCacheChange {
        if let Some(witness) = &self.witness {
            witness(match &change {
                HotCacheChange::Add(model) => Told::Warmed(model.clone()),
                HotCacheChange::Remove(model) => Told::Cooled(model.clone()),
            });
        }
        change
    }
}

impl fmt::Debug for HotCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HotCache")
    }
}
