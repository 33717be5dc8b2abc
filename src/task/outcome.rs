//! What becomes of a task, and how a handler's return value turns into it.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::{Attachment, Interruption, Task, TaskError};
use crate::id::OrchestratorId;
use crate::id::{JobId, TaskId, TaskName};
use crate::json::RawJson;

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned.
    Completed(Reply),
    /// The handler failed, or the framework failed in its place.
    Failed(TaskError),
    /// The orchestrator, or somebody through the worker's handle, called it off.
    Cancelled,
    /// The worker ended, or its process did, before the task was over.
    Interrupted(Interruption),
}

impl Outcome {
    /// The word for logs and metrics: `success`, the custom status, `failure`, `cancelled` or
    /// `interrupted`.
    #[must_use]
    pub fn status(&self) -> &str {
        match self {
            Self::Completed(reply) => reply.status(),
            Self::Failed(_) => "failure",
            Self::Cancelled => "cancelled",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// What protocols tell that know nothing of interruptions: the error of a failure, or the
    /// transient one that stands for an interruption. `None` for any other end.
    ///
    /// ```
    /// use axon_worker::{ErrorCode, Interruption, Outcome};
    ///
    /// let interrupted = Outcome::Interrupted(Interruption::ShutDown);
    /// let told = interrupted.told_failure().unwrap();
    /// assert_eq!(told.code(), &ErrorCode::Transient);
    /// ```
    #[must_use]
    pub fn told_failure(&self) -> Option<Cow<'_, TaskError>> {
        match self {
            Self::Failed(error) => Some(Cow::Borrowed(error)),
            Self::Interrupted(why) => Some(Cow::Owned((*why).into())),
            Self::Completed(_) | Self::Cancelled => None,
        }
    }
}

impl<T: IntoOutcome, E: Into<TaskError>> From<Result<T, E>> for Outcome {
    fn from(returned: Result<T, E>) -> Self {
        match returned.map_err(Into::into).and_then(T::into_outcome) {
            Ok(reply) => Self::Completed(reply),
            Err(error) => Self::Failed(error),
        }
    }
}

/// The answer of a handler that did not fail: a status and data.
///
/// Handlers that only ever succeed return their data and need none of this.
///
/// ```
/// use axon_worker::{Reply, TaskError};
/// use serde_json::json;
///
/// async fn review(score: f64) -> Result<Reply, TaskError> {
///     if score < 0.5 {
///         return Reply::status_with("needs_manual_review", &json!({"score": score}));
///     }
///     Reply::success(&json!({"score": score}))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    status: Option<String>,
    data: RawJson,
    metadata: Option<RawJson>,
    costs: Option<RawJson>,
    data_metadata: Option<RawJson>,
    attachments: Vec<Attachment>,
}

impl Reply {
    /// Success with data. Data that is no JSON object goes out as
    /// `{"result": data}`, nothing as `{}`, since orchestrators take objects only.
    ///
    /// # Errors
    /// A permanent failure, when the data has no JSON form. NaN and infinity have none; the
    /// failure names their field.
    pub fn success(data: &impl Serialize) -> Result<Self, TaskError> {
        object_of(data).map(|data| Self::of(None, data))
    }

    /// A status of your own, which the orchestrator looks up among the transitions
    /// of the job, with data as in [`Reply::success`].
    ///
    /// # Errors
    /// A permanent failure, when the data has no JSON form, or when the status is
    /// empty or one of `failure`, `cancelled` and `interrupted`, which are not a
    /// handler's to reply.
    pub fn status_with(
        status: impl Into<String>,
        data: &impl Serialize,
    ) -> Result<Self, TaskError> {
        let status = status.into();
        if matches!(
            status.as_str(),
            "" | "failure" | "cancelled" | "interrupted"
        ) {
            return Err(TaskError::permanent(format!(
                "a handler cannot reply with status {status:?}; return an error instead"
            )));
        }
        let status = (status != "success").then_some(status);
        object_of(data).map(|data| Self::of(status, data))
    }

    pub(crate) fn of(status: Option<String>, data: RawJson) -> Self {
        Self {
            status,
            data,
            metadata: None,
            costs: None,
            data_metadata: None,
            attachments: Vec::new(),
        }
    }

    /// Adds free data about the result, for protocols that have a place for it. It is not
    /// sent for a job without metadata of its own, which avtomatika 1.0b30 cannot take.
    ///
    /// # Errors
    /// A permanent failure, when it has no JSON form or is no object.
    pub fn with_metadata(mut self, metadata: &impl Serialize) -> Result<Self, TaskError> {
        self.metadata = Some(exactly_object("metadata", metadata)?);
        Ok(self)
    }

    /// Adds what the work has cost, for example `{"tokens": 812}`. The running time
    /// is added by the worker, as `execution_time_seconds`, unless it is given here.
    ///
    /// # Errors
    /// A permanent failure, when it has no JSON form or is no object.
    pub fn with_costs(mut self, costs: &impl Serialize) -> Result<Self, TaskError> {
        self.costs = Some(exactly_object("costs", costs)?);
        Ok(self)
    }

    /// Names a file that belongs to the result and whose content is stored somewhere
    /// already, for protocols that have a place for it (`DistWorker`).
    #[must_use]
    pub fn with_attachment(mut self, file: Attachment) -> Self {
        self.attachments.push(file);
        self
    }

    /// The files named with [`Reply::with_attachment`].
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Free data about the result.
    #[must_use]
    pub fn metadata(&self) -> Option<&RawJson> {
        self.metadata.as_ref()
    }

    /// What the work has cost, as the handler says.
    #[must_use]
    pub fn costs(&self) -> Option<&RawJson> {
        self.costs.as_ref()
    }

    /// Size and `ETag` of the files that the data names, by key path.
    #[must_use]
    pub fn data_metadata(&self) -> Option<&RawJson> {
        self.data_metadata.as_ref()
    }

    /// The same reply when files in its data were uploaded.
    pub(crate) fn with_files(&self, data: RawJson, data_metadata: RawJson) -> Self {
        Self {
            data,
            data_metadata: Some(data_metadata),
            ..self.clone()
        }
    }

    /// `success`, or the handler's own status.
    #[must_use]
    pub fn status(&self) -> &str {
        self.status.as_deref().unwrap_or("success")
    }

    /// The data, always a JSON object.
    #[must_use]
    pub fn data(&self) -> &RawJson {
        &self.data
    }
}

fn object_of(data: &impl Serialize) -> Result<RawJson, TaskError> {
    let no_form = |e| TaskError::permanent(format!("the result has no JSON form: {e}"));
    let raw = RawJson::from_serialize(data).map_err(no_form)?;
    if raw.is_object() {
        Ok(raw)
    } else if raw.as_str() == "null" {
        Ok(RawJson::empty_object())
    } else {
        #[derive(Serialize)]
        struct Wrapped<'a, T> {
            result: &'a T,
        }
        RawJson::from_serialize(&Wrapped { result: data }).map_err(no_form)
    }
}

fn exactly_object(what: &str, value: &impl Serialize) -> Result<RawJson, TaskError> {
    let raw = RawJson::from_serialize(value)
        .map_err(|e| TaskError::permanent(format!("the {what} have no JSON form: {e}")))?;
    if raw.is_object() {
        Ok(raw)
    } else {
        Err(TaskError::permanent(format!(
            "the {what} must be an object"
        )))
    }
}

/// What a handler may return inside `Ok`: any value that serialises, which means
/// success with that data, or a [`Reply`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the data of a result",
    label = "has no JSON form",
    note = "derive `serde::Serialize` for it, or return a `Reply`"
)]
pub trait IntoOutcome {
    /// Turns the value into a reply.
    ///
    /// # Errors
    /// When it has no JSON form.
    fn into_outcome(self) -> Result<Reply, TaskError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static> IntoOutcome for T {
    fn into_outcome(self) -> Result<Reply, TaskError> {
        // An object that is JSON already is not written a second time.
        let data: &dyn std::any::Any = &self;
        match data.downcast_ref::<RawJson>() {
            Some(object) if object.is_object() => Ok(Reply::of(None, object.clone())),
            _ => Reply::success(&self),
        }
    }
}

impl IntoOutcome for Reply {
    fn into_outcome(self) -> Result<Reply, TaskError> {
        Ok(self)
    }
}

/// An outcome on its way to the orchestrator.
#[derive(Debug, Clone)]
pub struct TaskResult {
    /// Where it goes.
    pub origin: OrchestratorId,
    /// The task it answers.
    pub task_id: TaskId,
    /// The job of that task.
    pub job_id: JobId,
    /// The handler that was asked for.
    pub name: TaskName,
    /// What happened.
    pub outcome: Outcome,
    /// How long the handler ran, its files moving included; zero when it never did.
    pub ran_for: Duration,
    /// The free extra data of the task, of which protocols send some back.
    pub task_metadata: Option<RawJson>,
}

impl TaskResult {
    /// The answer to a task whose handler ran for `ran_for`.
    #[must_use]
    pub fn of(task: &Task, outcome: Outcome, ran_for: Duration) -> Self {
        Self {
            origin: task.origin,
            task_id: task.id.clone(),
            job_id: task.job_id.clone(),
            name: task.name.clone(),
            outcome,
            ran_for,
            task_metadata: task.metadata.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data_of(value: impl Serialize + 'static) -> String {
        value.into_outcome().unwrap().data().as_str().to_owned()
    }

    #[test]
    fn every_value_becomes_an_object() {
        assert_eq!(data_of(json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(data_of(()), "{}");
        assert_eq!(data_of("text"), r#"{"result":"text"}"#);
        assert_eq!(data_of([1, 2]), r#"{"result":[1,2]}"#);
    }

    #[test]
    fn a_value_without_json_form_fails_for_good() {
        let no_keys = std::collections::HashMap::from([((1, 2), 3)]);
        let error = no_keys.into_outcome().unwrap_err();
        assert_eq!(error.code(), &crate::ErrorCode::Permanent);
    }

    #[test]
    fn a_number_that_json_has_not_fails_for_good_and_is_named() {
        #[derive(Serialize)]
        struct Scored {
            label: Option<&'static str>,
            scores: Vec<f64>,
        }
        let scored = Scored {
            label: None,
            scores: vec![0.5, f64::NAN],
        };
        let error = scored.into_outcome().unwrap_err();
        assert_eq!(error.code(), &crate::ErrorCode::Permanent);
        assert_eq!(
            error.message(),
            "the result has no JSON form: field `scores[1]` is NaN, for which JSON has no number"
        );
        // Details of a failure are worth more than that.
        let error = TaskError::permanent("no").with_details(&[f64::INFINITY]);
        assert_eq!(error.details().unwrap().as_str(), "[null]");
    }

    #[test]
    fn reserved_statuses_are_not_replies() {
        for status in ["", "failure", "cancelled", "interrupted"] {
            assert!(Reply::status_with(status, &()).is_err(), "{status:?}");
        }
        let custom = Reply::status_with("needs_review", &()).unwrap();
        assert_eq!(custom.status(), "needs_review");
        assert_eq!(
            Reply::status_with("success", &()).unwrap().status(),
            "success"
        );
    }
}
