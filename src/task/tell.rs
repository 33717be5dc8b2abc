//! What a handler can tell its orchestrator while it runs, and ask of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use super::teller::{Teller, Waiting};
use super::{ErrorCode, TaskContext, TaskError, TaskKey, Told};
use crate::actors::{CallSkill, Tell};
use crate::json::RawJson;
use crate::transport::{Event, SkillCall, TransportError};

/// How long the end of a task waits for what it has told to go out.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long [`TaskContext::call_skill`] waits.
const CALL_LIMIT: Duration = Duration::from_mins(1);

impl TaskContext {
    /// Tells the orchestrator how far the task is, from 0.0 to 1.0. Values outside
    /// are clamped; NaN is ignored. Returns when the worker has taken note.
    ///
    /// Report as often as you like: at most one value a second goes out, the first at
    /// once, and the last one before the result.
    ///
    /// Progress is best effort: where the orchestrator has no way to take it, it
    /// shows in the worker's own status only.
    pub async fn progress(&self, value: f64, message: impl Into<String>) {
        self.progress_now(value, message);
        // A loop that does nothing but report lets others run as well.
        tokio::task::yield_now().await;
    }

    /// [`TaskContext::progress`] for blocking handlers.
    pub fn progress_now(&self, value: f64, message: impl Into<String>) {
        if value.is_nan() {
            return;
        }
        let (value, message) = (value.clamp(0.0, 1.0), message.into());
        self.seen(|| Told::Progress {
            value,
            message: message.clone(),
        });
        let board = &self.services().board;
        let key = TaskKey::new(self.origin(), self.task_id().clone());
        board.progress(&key, value, &message);
        let teller = self.teller();
        if teller.put_progress(value, message) {
            self.services().tell.do_send(Tell(teller.clone()));
        }
    }

    /// Tells the orchestrator something by a name of its own, and waits until it has
    /// taken it. Events of a task go out one by one, in order.
    ///
    /// `Ok(false)`: the protocol of this orchestrator has no events (RXON 1.0b2).
    ///
    /// ```
    /// use axon_worker::{TaskContext, TaskError};
    /// use serde_json::{Value, json};
    ///
    /// async fn render(_: Value, task: TaskContext) -> Result<(), TaskError> {
    ///     task.send_event("preview", &json!({"url": "https://example.com/1.png"})).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// A contract violation when the task's contract does not allow the event, a
    /// permanent failure when the payload is no object or the orchestrator refuses it,
    /// and a transient one when it cannot be reached. Nothing is sent again by itself.
    pub async fn send_event(
        &self,
        name: &str,
        payload: &impl Serialize,
    ) -> Result<bool, TaskError> {
        self.send_event_with_priority(name, payload, 0.0).await
    }

    /// [`TaskContext::send_event`] with a priority; higher is more urgent.
    ///
    /// # Errors
    /// As there.
    pub async fn send_event_with_priority(
        &self,
        name: &str,
        payload: &impl Serialize,
        priority: f64,
    ) -> Result<bool, TaskError> {
        let event = self.event(name, payload, priority)?;
        let place = self.teller().place().await;
        let (sender, answer) = oneshot::channel();
        self.put(event, Some(sender), place)?;
        let answer = answer.await.unwrap_or_else(|_| Err(gone()));
        answer.map_err(|error| failure(&format!("event {name:?}"), &error, ErrorCode::Permanent))
    }

    /// [`TaskContext::send_event`] for blocking handlers: does not wait, so it does not
    /// tell whether the event arrived. A failure goes to the log.
    ///
    /// # Errors
    /// When the event is not allowed, or has no form, as there; a
    /// `RESOURCE_EXHAUSTED_ERROR` when 64 events of this task wait already.
    pub fn send_event_now(&self, name: &str, payload: &impl Serialize) -> Result<(), TaskError> {
        let event = self.event(name, payload, 0.0)?;
        let place = self.teller().place_now().ok_or_else(|| {
            let text = format!("event {name:?}: too many events wait to be sent");
            TaskError::new(ErrorCode::ResourceExhausted, text)
        })?;
        self.put(event, None, place)
    }

    /// Asks the orchestrator to have a skill done by some other worker, and returns
    /// what came of it. Waits for at most a minute.
    ///
    /// # Errors
    /// A `DEPENDENCY_ERROR` when the orchestrator refuses, or its protocol has no such
    /// calls; a transient failure when it cannot be reached or does not answer in time.
    pub async fn call_skill(
        &self,
        skill: &str,
        params: &impl Serialize,
    ) -> Result<RawJson, TaskError> {
        self.call_skill_within(CALL_LIMIT, skill, params).await
    }

    /// [`TaskContext::call_skill`] with a time limit of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn call_skill_within(
        &self,
        limit: Duration,
        skill: &str,
        params: &impl Serialize,
    ) -> Result<RawJson, TaskError> {
        let params = RawJson::from_serialize(params)
            .map_err(|e| TaskError::permanent(format!("the parameters of skill {skill:?}: {e}")))?;
        self.seen(|| Told::SkillCall {
            skill: skill.to_owned(),
            params: params.clone(),
        });
        let call = CallSkill {
            origin: self.origin(),
            call: SkillCall {
                task_id: self.task_id().clone(),
                job_id: self.job_id().clone(),
                skill: skill.into(),
                params,
                trace_context: self.trace_to_tell(),
            },
            within: limit,
        };
        let answer = self.services().call_skill.send(call).await;
        let answer = answer.unwrap_or_else(|_| Err(gone()));
        answer.map_err(|error| failure(&format!("skill {skill:?}"), &error, ErrorCode::Dependency))
    }

    fn event(
        &self,
        name: &str,
        payload: &impl Serialize,
        priority: f64,
    ) -> Result<Event, TaskError> {
        let wrong = |what: &str| TaskError::permanent(format!("event {name:?}: {what}"));
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        let payload = RawJson::from_serialize(payload).map_err(|e| wrong(&e.to_string()))?;
        if !payload.is_object() {
            return Err(wrong("the payload must be an object"));
        }
        let strict = self.services().strict_events;
        if let Err(error) = self.rules().check_event(name, &payload, strict) {
            tracing::warn!(task_id = %self.task_id(), %error, "event held back");
            return Err(error);
        }
        Ok(Event {
            id: Uuid::new_v4().to_string(),
            task_id: self.task_id().clone(),
            job_id: self.job_id().clone(),
            name: name.to_owned(),
            payload,
            priority: if priority.is_nan() { 0.0 } else { priority },
            trace_context: self.trace_to_tell(),
        })
    }

    fn put(
        &self,
        event: Event,
        answer: Option<oneshot::Sender<Result<bool, TransportError>>>,
        place: OwnedSemaphorePermit,
    ) -> Result<(), TaskError> {
        let tell = &self.services().tell;
        if !tell.connected() {
            return Err(failure("event", &gone(), ErrorCode::Permanent));
        }
        self.seen(|| Told::Event {
            name: event.name.clone(),
            payload: event.payload.clone(),
            priority: event.priority,
        });
        let teller = self.teller();
        let waiting = Waiting {
            event,
            answer,
            place,
        };
        if teller.put_event(waiting) {
            tell.do_send(Tell(teller.clone()));
        }
        Ok(())
    }

    /// Whether there may be something to wait for with [`TaskContext::last_words`].
    pub(crate) fn has_told(&self) -> bool {
        self.told().is_some()
    }

    /// The task has ended: what it has told goes out before its result does, unless the
    /// task was called off.
    pub(crate) async fn last_words(&self) {
        let Some(teller) = self.told() else { return };
        tokio::select! {
            biased;
            () = self.cancel_signal().cancelled() => {}
            () = tokio::time::sleep(LAST_WORDS) => {}
            () = teller.finish() => {}
        }
    }

    fn teller(&self) -> &Arc<Teller> {
        self.teller_or(|| {
            let (id, job) = (self.task_id().clone(), self.job_id().clone());
            Arc::new(Teller::new(self.origin(), id, job, self.trace_to_tell()))
        })
    }
}

/// The worker has ended.
fn gone() -> TransportError {
    TransportError::Unreachable {
        reason: "the worker has ended".to_owned(),
    }
}

/// What an error of a transport means to a handler.
fn failure(what: &str, error: &TransportError, refused: ErrorCode) -> TaskError {
    let code = match error {
        TransportError::Refused { .. } | TransportError::TooLarge { .. } => refused,
        _ => ErrorCode::Transient,
    };
    TaskError::new(code, format!("{what}: {error}"))
}
