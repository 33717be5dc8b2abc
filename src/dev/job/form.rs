//! The JSON form of a job, and the checks it has to pass.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::extras::Extras;
use super::spec::{Branch, ENDS, JobSpec, Plan, SpecError, Step};
use crate::TaskName;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    start: String,
    steps: BTreeMap<String, StepForm>,
    #[serde(default = "empty")]
    input: Value,
    priority: Option<f64>,
    deadline_seconds: Option<f64>,
    metadata: Option<Map<String, Value>>,
    policy: Option<Map<String, Value>>,
    tracing_context: Option<BTreeMap<String, String>>,
    skill_version: Option<String>,
    skill_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepForm {
    task: Option<TaskName>,
    params: Option<Value>,
    parallel: Option<Vec<BranchForm>>,
    transitions: Option<BTreeMap<String, Arc<str>>>,
    #[serde(default)]
    event_transitions: BTreeMap<String, Arc<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BranchForm {
    name: Option<String>,
    task: TaskName,
    #[serde(default = "empty")]
    params: Value,
}

fn empty() -> Value {
    json!({})
}

impl Form {
    pub(super) fn check(self) -> Result<JobSpec, SpecError> {
        if !self.steps.contains_key(&self.start) {
            return Err(SpecError::Start(self.start));
        }
        if let Some(end) = ENDS.iter().find(|end| self.steps.contains_key(**end)) {
            return Err(SpecError::Reserved((*end).to_owned()));
        }
        let steps = self
            .steps
            .into_iter()
            .map(|(name, step)| Ok((name.as_str().into(), step.check(&name)?)))
            .collect::<Result<_, SpecError>>()?;
        let start = self.start.into();
        let deadline = self.deadline_seconds.map(Duration::try_from_secs_f64);
        let deadline = deadline.transpose().map_err(|_| SpecError::Deadline)?;
        let spec = JobSpec::of(Plan { start, steps }).input(self.input);
        let object = |members: Option<Map<_, _>>| Value::Object(members.unwrap_or_default());
        Ok(spec.extra(|extras| {
            *extras = Extras {
                priority: self.priority.unwrap_or_default(),
                deadline,
                metadata: object(self.metadata),
                policy: object(self.policy),
                tracing: self.tracing_context.unwrap_or_default(),
                skill_version: self.skill_version,
                skill_type: self.skill_type,
            };
        }))
    }
}

impl StepForm {
    fn check(self, name: &str) -> Result<Step, SpecError> {
        let transitions = self
            .transitions
            .unwrap_or_else(|| BTreeMap::from([("success".to_owned(), "finished".into())]));
        match transitions.get("failure") {
            Some(to) if &**to != "failed" => {
                let (step, to) = (name.to_owned(), to.to_string());
                return Err(SpecError::Failure { step, to });
            }
            _ => {}
        }
        let is_parallel = self.parallel.is_some();
        let branches = match (self.task, self.parallel, self.params) {
            (Some(task), None, params) => {
                vec![Branch::new("0", task, params.unwrap_or_else(empty))]
            }
            (None, Some(tasks), None) if !tasks.is_empty() => parallel(name, tasks)?,
            _ => return Err(SpecError::Work(name.to_owned())),
        };
        Ok(Step {
            is_parallel,
            branches,
            transitions,
            on_event: self.event_transitions,
        })
    }
}

fn parallel(step: &str, tasks: Vec<BranchForm>) -> Result<Vec<Branch>, SpecError> {
    let mut branches: Vec<Branch> = Vec::with_capacity(tasks.len());
    let mut names = HashSet::new();
    for (number, task) in tasks.into_iter().enumerate() {
        let name = task.name.unwrap_or_else(|| number.to_string());
        if !names.insert(name.clone()) {
            let step = step.to_owned();
            return Err(SpecError::SameName { step, name });
        }
        branches.push(Branch::new(&name, task.task, task.params));
    }
    Ok(branches)
}
