//! What happens at an orchestrator, told as it happens.

use serde_json::Value;
use tokio::sync::mpsc;

use super::JobState;
use crate::{JobId, TaskId, TaskName};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DevNews {
    /// A worker registered, perhaps again.
    Registered {
        /// Its id.
        worker: String,
        /// The tasks that it offers.
        tasks: Vec<TaskName>,
    },
    /// A job was submitted.
    Submitted {
        /// The job.
        job: JobId,
    },
    /// A task was handed out.
    HandedOut {
        /// Its job.
        job: JobId,
        /// The task.
        task_id: TaskId,
        /// The handler that is asked for.
        task: TaskName,
        /// Who has it.
        worker: String,
    },
    /// A worker reported progress.
    Progress {
        /// The job.
        job: JobId,
        /// The number, as it was sent.
        progress: Option<Value>,
        /// The text that came with it.
        message: Option<String>,
    },
    /// The result of a task came.
    Answered {
        /// Its job.
        job: JobId,
        /// The task.
        task_id: TaskId,
        /// Its status.
        status: String,
        /// The error, as it was sent.
        error: Option<Value>,
    },
    /// A job came to an end.
    Ended {
        /// The job.
        job: JobId,
        /// Which end.
        state: JobState,
    },
}

/// The news from the moment of
/// [`DevOrchestrator::news`](super::DevOrchestrator::news) on. They wait in memory until
/// they are taken.
#[derive(Debug)]
pub struct NewsFeed(mpsc::UnboundedReceiver<DevNews>);

impl NewsFeed {
    /// The next news; `None` when the orchestrator is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<DevNews> {
        self.0.recv().await
    }

    /// The next news if there are any already.
    pub fn try_next(&mut self) -> Option<DevNews> {
        self.0.try_recv().ok()
    }
}

/// Those who want to hear.
#[derive(Debug, Default)]
pub(crate) struct Readers(Vec<mpsc::UnboundedSender<DevNews>>);

impl Readers {
    pub(crate) fn join(&mut self) -> NewsFeed {
        let (tell, told) = mpsc::unbounded_channel();
        self.0.push(tell);
        NewsFeed(told)
    }

    /// Costs nothing when nobody listens.
    pub(crate) fn tell(&mut self, news: impl FnOnce() -> DevNews) {
        if self.0.is_empty() {
            return;
        }
        let news = news();
        self.0.retain(|reader| reader.send(news.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_listen_any_more_is_forgotten() {
        let mut readers = Readers::default();
        readers.tell(|| unreachable!("nobody listens"));
        let (mut one, other) = (readers.join(), readers.join());
        drop(other);
        let job = || JobId::from("j");
        readers.tell(|| DevNews::Submitted { job: job() });
        assert_eq!(one.try_next(), Some(DevNews::Submitted { job: job() }));
        assert_eq!(one.try_next(), None);
        drop(one);
        readers.tell(|| DevNews::Submitted { job: job() });
        readers.tell(|| unreachable!("nobody listens"));
    }
}
