//! What a job is made of: one task, a chain, a fan-out, or any graph of steps.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::extras::Extras;
use super::form::Form;
use super::params::Params;
use crate::TaskName;

/// A job to be submitted.
///
/// Short forms are made by [`JobSpec::task`], [`JobSpec::chain`] and
/// [`JobSpec::fan_out`]. The general form is JSON:
///
/// ```
/// use axon_worker::dev::JobSpec;
/// use serde_json::json;
///
/// let spec = JobSpec::from_json(json!({
///     "input": {"path": "photo.png"},
///     "start": "resize",
///     "steps": {
///         "resize": {
///             "task": "resize_image",
///             "params": {"width": 800, "image": "$input.path"},
///             "transitions": {"success": "variants", "needs_review": "review"}
///         },
///         "variants": {
///             "parallel": [
///                 {"name": "gray", "task": "filter", "params": {"image": "$data.image"}},
///                 {"name": "small", "task": "resize_image",
///                  "params": {"width": 100, "image": "$data.image"}}
///             ],
///             "transitions": {"success": "publish"}
///         },
///         "publish": {"task": "publish", "params": {"images": ["$data.gray", "$data.small"]}}
///     }
/// }))?;
/// # let _ = spec;
/// # Ok::<(), axon_worker::dev::SpecError>(())
/// ```
///
/// - A step runs one `task`, or several at once as `parallel`. `params` is `{}` when absent.
/// - `"$input.a.b"` stands for a value of the input, `"$data.a.b"` for one of the job's
///   data. The data of every result that is an object is merged into the job's data,
///   that of a parallel task under its `name` (by default its number, from `"0"`).
/// - `transitions` leads from the status of the result to the next step or to an end.
///   Absent, `success` leads to `finished`. What is no step is an end, and only the
///   end called `finished` is a success. A parallel step has the status `success` when
///   all its tasks have, else the first other one.
/// - `event_transitions` of a step leads from the type of an event to the next step, without
///   waiting for the result. The payload is merged into the job's data. (1.0b17 only.)
/// - `priority`, `deadline_seconds`, `metadata`, `policy`, `tracing_context`, `skill_version`
///   and `skill_type` beside `start` are as the methods of the same name.
/// - Failures are decided by their error code and not by transitions, as in the
///   real orchestrator, so a transition for `failure` may only lead to `failed`.
///   `cancelled` may lead anywhere.
#[derive(Debug, Clone)]
pub struct JobSpec {
    pub(crate) plan: Arc<Plan>,
    pub(crate) input: Arc<Value>,
    pub(crate) extras: Arc<Extras>,
}

/// A job description that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The JSON does not have the form of a job.
    #[error("not a job description")]
    Form(#[from] serde_json::Error),
    /// `start` names no step.
    #[error("the first step {0:?} is not among the steps")]
    Start(String),
    /// A step has the name of an end.
    #[error("a step cannot be called {0:?}: that is an end")]
    Reserved(String),
    /// A step has neither a task nor parallel ones, or has both.
    #[error("step {0:?} needs either \"task\" or a non-empty \"parallel\"")]
    Work(String),
    /// Two parallel tasks of a step have the same name.
    #[error("step {step:?} has two parallel tasks called {name:?}")]
    SameName {
        /// The step.
        step: String,
        /// The name.
        name: String,
    },
    /// `deadline_seconds` is negative or too large.
    #[error("\"deadline_seconds\" is no time from now")]
    Deadline,
    /// Failures are decided by their code.
    #[error(
        "step {step:?}: the transition for \"failure\" can lead to \"failed\" only, not to {to:?}"
    )]
    Failure {
        /// The step.
        step: String,
        /// Where the transition leads.
        to: String,
    },
}

/// Ends that no step may be called after.
pub(super) const ENDS: [&str; 2] = ["finished", "failed"];

/// The checked form, shared by all jobs made from one spec.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) start: Arc<str>,
    pub(crate) steps: HashMap<Arc<str>, Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) is_parallel: bool,
    pub(crate) branches: Vec<Branch>,
    pub(crate) transitions: BTreeMap<String, Arc<str>>,
    /// Where events lead, by their type.
    pub(crate) on_event: BTreeMap<String, Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) name: Arc<str>,
    pub(crate) task: TaskName,
    pub(crate) params: Params,
}

impl JobSpec {
    /// One task.
    #[must_use]
    pub fn task(name: impl Into<TaskName>, params: Value) -> Self {
        Self::chain([(name, params)])
    }

    /// Tasks one after the other. The steps have the names of their tasks, with a
    /// number behind it from the second of the same name on (`resize`, `resize-2`).
    /// Later tasks may use `"$data.key"` for what earlier ones answered.
    #[must_use]
    pub fn chain<N: Into<TaskName>>(tasks: impl IntoIterator<Item = (N, Value)>) -> Self {
        let mut named: Vec<(Arc<str>, Branch)> = Vec::new();
        let mut used: HashSet<String> = ENDS.iter().map(|end| (*end).to_owned()).collect();
        for (task, params) in tasks {
            let task = task.into();
            let mut step = task.to_string();
            let mut number = 2;
            while !used.insert(step.clone()) {
                step = format!("{task}-{number}");
                number += 1;
            }
            named.push((step.into(), Branch::new("0", task, params)));
        }
        let follow: Vec<Arc<str>> = named.iter().skip(1).map(|(name, _)| name.clone()).collect();
        let start = named
            .first()
            .map_or_else(|| "finished".into(), |(name, _)| name.clone());
        let mut follow = follow.into_iter();
        let steps = named
            .into_iter()
            .map(|(name, branch)| {
                let next = follow.next().unwrap_or_else(|| "finished".into());
                let step = Step {
                    is_parallel: false,
                    branches: vec![branch],
                    transitions: BTreeMap::from([("success".to_owned(), next)]),
                    on_event: BTreeMap::new(),
                };
                (name, step)
            })
            .collect();
        Self::of(Plan { start, steps })
    }

    /// Several tasks at once: `(name, task, params)`. The data of each is found in
    /// the job's data under its name.
    #[must_use]
    pub fn fan_out<N: Into<TaskName>>(
        tasks: impl IntoIterator<Item = (impl AsRef<str>, N, Value)>,
    ) -> Self {
        let branches: Vec<Branch> = tasks
            .into_iter()
            .map(|(name, task, params)| Branch::new(name.as_ref(), task.into(), params))
            .collect();
        let start: Arc<str> = if branches.is_empty() {
            "finished"
        } else {
            "fan_out"
        }
        .into();
        let step = Step {
            is_parallel: true,
            branches,
            transitions: BTreeMap::from([("success".to_owned(), "finished".into())]),
            on_event: BTreeMap::new(),
        };
        let steps = HashMap::from([("fan_out".into(), step)]);
        Self::of(Plan { start, steps })
    }

    /// The general form, described at [`JobSpec`].
    ///
    /// # Errors
    /// When the description does not hold together.
    pub fn from_json(description: Value) -> Result<Self, SpecError> {
        serde_json::from_value::<Form>(description)?.check()
    }

    /// Gives the job an input, for references like `"$input.path"`.
    #[must_use]
    pub fn input(mut self, input: Value) -> Self {
        self.input = Arc::new(input);
        self
    }

    /// What every task carries as `priority`. Default 0. The order in which tasks are handed
    /// out does not depend on it. (1.0b17 only.)
    #[must_use]
    pub fn priority(self, priority: f64) -> Self {
        self.extra(|extras| extras.priority = priority)
    }

    /// Tasks carry a `deadline` this long after the job is submitted, with a fraction of a
    /// second, as by avtomatika 1.0b30. Nothing happens here when it is over. Default none.
    /// (1.0b17 only.)
    #[must_use]
    pub fn deadline_in(self, time: Duration) -> Self {
        self.extra(|extras| extras.deadline = Some(time))
    }

    /// What every task carries as `metadata`, an object. Default empty. (1.0b17 only.)
    #[must_use]
    pub fn metadata(self, metadata: Value) -> Self {
        self.extra(|extras| extras.metadata = metadata)
    }

    /// The skills that a worker may run for this job, sent as `policy.allowed_skills`.
    /// Default all. (1.0b17 only.)
    #[must_use]
    pub fn allowed_skills<S: Into<String>>(self, skills: impl IntoIterator<Item = S>) -> Self {
        let skills: Vec<String> = skills.into_iter().map(Into::into).collect();
        self.extra(|extras| extras.policy = json!({"allowed_skills": skills}))
    }

    /// What every task carries as `tracing_context`. Default empty.
    #[must_use]
    pub fn tracing_context<K: Into<String>, V: Into<String>>(
        self,
        context: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let context = context.into_iter();
        let context = context.map(|(name, value)| (name.into(), value.into()));
        self.extra(|extras| extras.tracing = context.collect())
    }

    /// What every task carries as `skill_version`, unsigned. Default none. (1.0b17 only.)
    #[must_use]
    pub fn skill_version(self, version: impl Into<String>) -> Self {
        self.extra(|extras| extras.skill_version = Some(version.into()))
    }

    pub(super) fn extra(mut self, change: impl FnOnce(&mut Extras)) -> Self {
        change(Arc::make_mut(&mut self.extras));
        self
    }

    pub(super) fn of(plan: Plan) -> Self {
        Self {
            plan: Arc::new(plan),
            input: Arc::new(json!({})),
            extras: Arc::default(),
        }
    }
}

impl<'de> Deserialize<'de> for JobSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?
            .check()
            .map_err(serde::de::Error::custom)
    }
}

impl Branch {
    pub(super) fn new(name: &str, task: TaskName, params: Value) -> Self {
        Self {
            name: name.into(),
            task,
            params: Params::new(params),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(description: Value) -> String {
        JobSpec::from_json(description).unwrap_err().to_string()
    }

    #[test]
    fn a_description_that_does_not_hold_together_is_refused() {
        let step = |step: Value| json!({"start": "a", "steps": {"a": step}});
        assert!(refused(json!({"start": "b", "steps": {}})).contains("\"b\""));
        assert!(refused(step(json!({}))).contains("\"task\""));
        assert!(refused(step(json!({"parallel": []}))).contains("\"parallel\""));
        assert!(
            refused(step(json!({"task": "t", "parallel": [{"task": "t"}]}))).contains("either")
        );
        assert!(refused(step(json!({"task": "t", "parmas": {}}))).contains("description"));
        let twice = json!([{"name": "x", "task": "t"}, {"name": "x", "task": "t"}]);
        assert!(refused(step(json!({"parallel": twice}))).contains("\"x\""));
        let loops = json!({"start": "finished", "steps": {"finished": {"task": "t"}}});
        assert!(refused(loops).contains("\"finished\""));
        let failure = json!({"task": "t", "transitions": {"failure": "cleanup"}});
        assert!(refused(step(failure)).contains("\"cleanup\""));
    }

    #[test]
    fn a_chain_numbers_tasks_of_the_same_name() {
        let spec = JobSpec::chain([("a", json!({})), ("b", json!({})), ("a", json!({}))]);
        let mut names: Vec<&str> = spec.plan.steps.keys().map(|name| &**name).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "a-2", "b"]);
        assert_eq!(&*spec.plan.steps["b"].transitions["success"], "a-2");
        assert_eq!(&*spec.plan.steps["a-2"].transitions["success"], "finished");
        let spec = JobSpec::chain(["a", "a-2", "a", "finished"].map(|task| (task, json!({}))));
        assert_eq!(
            spec.plan.steps.len(),
            4,
            "no step takes the place of another"
        );
        assert!(!spec.plan.steps.contains_key("finished"));
    }
}
