//! A transport and its peer, for one rule: calls with a limit, and waiting for what is to
//! happen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::peer::{Cannot, Claims, Peer, SeenResult, TASK, WORKER};
use crate::config::Settings;
use crate::id::{JobId, OrchestratorId, WorkerId};
use crate::json::RawJson;
use crate::task::{Outcome, Reply, Task, TaskResult};
use crate::transport::{
    Availability, BeatReply, Offer, Receipt, Report, RunningTask, Standing, TaskEntry, Transport,
    TransportError, WorkerCard,
};

/// Not the first one, so that a transport that makes it up is found out.
pub(super) const ORIGIN: OrchestratorId = OrchestratorId(3);

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(5);

/// Why a rule is not kept, or cannot be checked.
#[derive(Debug)]
pub(super) enum Stop {
    Broken(String),
    Cannot(String),
}

pub(super) type Check<T = ()> = Result<T, Stop>;

impl From<Cannot> for Stop {
    fn from(Cannot(why): Cannot) -> Self {
        Self::Cannot(why.to_owned())
    }
}

pub(super) fn broken<T>(how: impl Into<String>) -> Check<T> {
    Err(Stop::Broken(how.into()))
}

type Answer<T> = Result<T, TransportError>;

pub(super) struct Stage<P: Peer> {
    pub(super) peer: P,
    pub(super) transport: P::Transport,
    pub(super) claims: Claims,
    /// Everything that the transport said when something failed.
    pub(super) said: RefCell<Vec<String>>,
}

impl<P: Peer> Stage<P> {
    pub(super) fn new(peer: P) -> Self {
        Self {
            transport: peer.transport(ORIGIN),
            claims: peer.claims(),
            peer,
            said: RefCell::default(),
        }
    }

    /// A call that has to end by itself.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Answer<T>>,
    ) -> Check<Answer<T>> {
        let limit = self.claims.answers_within;
        let Ok(answer) = timeout(limit, call).await else {
            return broken(format!("{what} did not end within {limit:?}"));
        };
        if let Err(error) = &answer {
            let mut said = self.said.borrow_mut();
            said.push(format!("{error}"));
            said.push(format!("{error:?}"));
        }
        Ok(answer)
    }

    pub(super) async fn try_register(&self) -> Check<Answer<()>> {
        let register = self
            .transport
            .register(self.card(), report(Availability::Idle));
        self.call("register", register).await
    }

    pub(super) async fn register(&self) -> Check {
        self.try_register().await?.or_else(failed("register"))
    }

    pub(super) async fn heartbeat(&self, report: Report) -> Check<Answer<BeatReply>> {
        self.call("heartbeat", self.transport.heartbeat(report))
            .await
    }

    pub(super) async fn probe(&self) -> Check<Answer<Standing>> {
        self.call("probe", self.transport.probe()).await
    }

    pub(super) async fn deliver(&self, result: &Arc<TaskResult>) -> Check<Answer<Receipt>> {
        self.call("deliver", self.transport.deliver(result.clone()))
            .await
    }

    pub(super) fn poll(&self) -> impl Future<Output = Answer<Option<Task>>> {
        self.transport.poll(offer())
    }

    /// A poll that has something to bring, or to say.
    pub(super) async fn poll_soon(&self) -> Check<Answer<Option<Task>>> {
        self.call("a poll", self.poll()).await
    }

    pub(super) async fn submit(&self) -> JobId {
        let params = RawJson::from_serialize(&json!({"n": 1})).unwrap_or(RawJson::empty_object());
        self.peer.submit(TASK, params).await
    }

    /// The next task there is, from as many polls as it takes.
    pub(super) async fn next_task(&self) -> Check<Task> {
        let limit = self.claims.answers_within;
        let polling = async {
            loop {
                if let Some(task) = self.poll().await? {
                    return Ok(task);
                }
                // So that a paused clock goes on where polls are not held.
                sleep(LOOK).await;
            }
        };
        match timeout(limit, polling).await {
            Ok(Ok(task)) => Ok(task),
            Ok(Err(error)) => failed("a poll")(error),
            Err(_) => broken(format!("no poll brought the queued task within {limit:?}")),
        }
    }

    /// Queues a task and gets it.
    pub(super) async fn take_one(&self) -> Check<Task> {
        let job = self.submit().await;
        let task = self.next_task().await?;
        if task.job_id != job {
            let (got, queued) = (&task.job_id, &job);
            return broken(format!("job {queued} was queued, but job {got} came"));
        }
        Ok(task)
    }

    /// Gives a task back as done, so that another one may come.
    pub(super) async fn finish(&self, task: &Task) -> Check {
        let receipt = self.deliver(&done(task)).await?;
        receipt.map(drop).or_else(failed("deliver"))
    }

    /// A task comes, and its result goes.
    pub(super) async fn works(&self, when: &str) -> Check {
        let round = async {
            let task = self.take_one().await?;
            self.finish(&task).await?;
            self.result_of(&task.job_id).await.map(drop)
        };
        match round.await {
            Err(Stop::Broken(how)) => broken(format!("{when}: {how}")),
            other => other,
        }
    }

    /// As a worker after trouble: registers and polls until a task comes and its result
    /// goes. A transport may need a moment to notice what has happened.
    pub(super) async fn works_again(&self, when: &str) -> Check {
        let limit = self.claims.answers_within * 2;
        let until = Instant::now() + limit;
        let mut job = self.submit().await;
        let mut last = "no task came".to_owned();
        while Instant::now() < until {
            sleep(LOOK).await;
            self.register_again().await?;
            let task = match timeout_at(until, self.poll()).await {
                Ok(Ok(Some(task))) => task,
                Ok(Ok(None)) => continue,
                Ok(Err(error)) => {
                    last = error.to_string();
                    continue;
                }
                Err(_) => break,
            };
            match self.deliver(&done(&task)).await? {
                // One of before, which came again.
                Ok(_) if task.job_id != job => continue,
                Ok(Receipt::Accepted) => return self.result_of(&job).await.map(drop),
                Ok(other) => last = format!("{other:?}"),
                Err(error) => last = error.to_string(),
            }
            job = self.submit().await;
        }
        broken(format!("{when} nothing worked within {limit:?}: {last}"))
    }

    /// Registers, again and again, until that works.
    pub(super) async fn register_again(&self) -> Check {
        let until = Instant::now() + self.claims.answers_within;
        loop {
            match self.try_register().await? {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= until => return failed("registering anew")(error),
                Err(_) => sleep(LOOK * 4).await,
            }
        }
    }

    pub(super) async fn result_of(&self, job: &JobId) -> Check<SeenResult> {
        self.until("the result is there", async || {
            Ok(self.peer.result(job).await)
        })
        .await
    }

    /// Looks until there is something, for at most as long as a call may take.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> Check<Option<T>>,
    ) -> Check<T> {
        let limit = self.claims.answers_within;
        let until = Instant::now() + limit;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if Instant::now() >= until {
                return broken(format!("not within {limit:?}: {what}"));
            }
            sleep(LOOK).await;
        }
    }

    fn card(&self) -> Arc<WorkerCard> {
        Arc::new(WorkerCard {
            worker_id: WorkerId::try_new(WORKER).expect("an identifier"),
            worker_type: "suite".to_owned(),
            tasks: vec![TaskEntry::named(TASK)],
            resources: Settings::default().resources,
            installed_software: BTreeMap::new(),
            installed_models: Vec::new(),
            cost_per_skill: BTreeMap::new(),
            skill_dependencies: BTreeMap::new(),
            max_concurrent_tasks: 10,
            storage_hash: None,
            hostname: "localhost".to_owned(),
            ip_address: "127.0.0.1".to_owned(),
            extra: BTreeMap::new(),
            takes_commands: self.transport.open_commands().is_some(),
        })
    }
}

pub(super) fn failed<T>(what: &str) -> impl FnOnce(TransportError) -> Check<T> {
    let what = what.to_owned();
    move |error| broken(format!("{what} failed: {error}"))
}

pub(super) fn text(value: impl Display) -> String {
    value.to_string()
}

pub(super) fn offer() -> Offer {
    Offer {
        available: [TASK.into()].into(),
        hot: [].into(),
    }
}

pub(super) fn report(availability: Availability) -> Report {
    let available = match availability {
        Availability::Idle => [TASK.into()].into(),
        _ => [].into(),
    };
    Report {
        availability,
        available,
        running: [].into(),
        hot_cache: [].into(),
        hot_skills: [].into(),
        usage: None,
    }
}

/// Idle, with a task beside.
pub(super) fn report_with(task: &Task) -> Report {
    let running = RunningTask {
        task_id: task.id.clone(),
        job_id: task.job_id.clone(),
    };
    Report {
        running: [running].into(),
        ..report(Availability::Idle)
    }
}

/// The result of a task that was done.
pub(super) fn done(task: &Task) -> Arc<TaskResult> {
    let reply = Reply::of(None, data());
    result(task, Outcome::Completed(reply))
}

pub(super) fn result(task: &Task, outcome: Outcome) -> Arc<TaskResult> {
    Arc::new(TaskResult::of(task, outcome, Duration::from_millis(1)))
}

/// Data that are easily garbled.
pub(super) fn data() -> RawJson {
    let data = json!({"text": "é \" \n", "number": 1.5, "list": [true, null, {"a": "b"}]});
    RawJson::from_serialize(&data).unwrap_or(RawJson::empty_object())
}
