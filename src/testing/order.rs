//! One task, as a test wants it, and what is done round the call of its handler.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::WorkerHandle;
use crate::id::TaskId;
use crate::json::RawJson;
use crate::middleware::{Next, TaskCall};
use crate::storage::TaskFiles;
use crate::task::{Outcome, Task, TaskContext, TaskError, Told};

type ChangeTask = Arc<dyn Fn(&mut Task) + Send + Sync>;
type Inject = Arc<dyn Fn(&TaskContext) + Send + Sync>;
type When = Arc<dyn Fn(&Told) -> bool + Send + Sync>;

/// What a test says of a task.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) params: RawJson,
    pub(super) changes: Vec<ChangeTask>,
    pub(super) injections: Vec<Inject>,
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) hot: Vec<String>,
    pub(super) cancel_after: Option<Duration>,
    pub(super) cancel_when: Option<When>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            params: RawJson::empty_object(),
            changes: Vec::new(),
            injections: Vec::new(),
            files: Vec::new(),
            hot: Vec::new(),
            cancel_after: None,
            cancel_when: None,
        }
    }
}

/// What came of a call so far.
#[derive(Default)]
pub(super) struct Record {
    pub(super) began: Option<Instant>,
    pub(super) told: Vec<Told>,
    /// Keeps the folder until the test has seen it.
    pub(super) files: Option<TaskFiles>,
}

/// A call and what is known of it.
type Expected = (Order, Arc<Mutex<Record>>);

/// The calls that are under way, by task.
#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<TaskId, Expected>>);

impl Calls {
    pub(super) fn expect(&self, id: TaskId, order: Order) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert(id, (order, Arc::default()));
    }

    pub(super) fn take(&self, id: &TaskId) -> Record {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = calls.remove(id).map(|(_, record)| record);
        record
            .map(|record| std::mem::take(&mut *lock(&record)))
            .unwrap_or_default()
    }

    fn find(&self, id: &TaskId) -> Option<Expected> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(id).cloned()
    }
}

fn lock(record: &Mutex<Record>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outermost middleware: prepares the task and watches its handler.
pub(super) fn around(
    calls: &Arc<Calls>,
    worker: &Arc<Mutex<Option<WorkerHandle>>>,
    call: TaskCall,
    next: Next,
) -> impl Future<Output = Outcome> + use<> {
    let found = calls.find(call.task().task_id());
    let worker = worker.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = worker.clone();
    async move {
        let (Some((order, record)), Some(worker)) = (found, worker) else {
            return Outcome::Failed(TaskError::permanent("a task that no test asked for"));
        };
        let task = call.task().clone();
        for (name, content) in order.files {
            if let Err(error) = task.files().write(&name, content).await {
                let text = format!("the test's file {name:?} cannot be written: {error}");
                return Outcome::Failed(TaskError::permanent(text));
            }
        }
        for model in order.hot {
            task.hot_cache().add(model).await;
        }
        for inject in order.injections {
            inject(&task);
        }
        let cancel = move |id: &TaskId| worker.cancel(id.as_str());
        let cancel_when = order.cancel_when.map(|when| (when, cancel.clone()));
        let (id, record_of_all) = (task.task_id().clone(), record.clone());
        task.watch(Arc::new(move |told| {
            if let Some((when, cancel)) = &cancel_when
                && when(&told)
            {
                cancel(&id);
            }
            lock(&record_of_all).told.push(told);
        }));
        {
            let mut record = lock(&record);
            record.began = Some(Instant::now());
            record.files = Some(task.files().clone());
        }
        let _timer = order.cancel_after.map(|after| {
            let id = task.task_id().clone();
            AbortOnDropHandle::new(actix_rt::spawn(async move {
                tokio::time::sleep(after).await;
                cancel(&id);
            }))
        });
        next.run(call).await
    }
}
