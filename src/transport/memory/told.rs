//! What running tasks tell a [`MemoryOrchestrator`], and what it answers them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{Call, MemoryOrchestrator};
use crate::id::{TaskId, TaskName};
use crate::json::RawJson;
use crate::transport::{Event, ProgressUpdate, SkillCall, TransportError};

/// Progress, events and calls of skills, in the order in which they came.
#[derive(Default)]
pub(super) struct Told {
    progress: Vec<ProgressUpdate>,
    events: Vec<Event>,
    skill_calls: Vec<SkillCall>,
    skills: HashMap<TaskName, Skill>,
}

impl Told {
    /// Answers to skills stay.
    pub(super) fn clear(&mut self) {
        self.progress.clear();
        self.events.clear();
        self.skill_calls.clear();
    }
}

type Skill = Arc<dyn Fn(&RawJson) -> Result<RawJson, TransportError> + Send + Sync>;

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told")
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl MemoryOrchestrator {
    /// All progress so far.
    #[must_use]
    pub fn progress(&self) -> Vec<ProgressUpdate> {
        self.lock().told.progress.clone()
    }

    /// All progress of one task so far.
    #[must_use]
    pub fn progress_of(&self, id: &TaskId) -> Vec<ProgressUpdate> {
        let mut progress = self.progress();
        progress.retain(|update| update.task_id == *id);
        progress
    }

    /// Waits until so much progress has come, and returns all of it.
    pub async fn progress_until(&self, at_least: usize) -> Vec<ProgressUpdate> {
        self.wait_for(|state| {
            let progress = &state.told.progress;
            (progress.len() >= at_least).then(|| progress.clone())
        })
        .await
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.lock().told.events.clone()
    }

    /// Waits until so many events have come, and returns all of them.
    pub async fn events_until(&self, at_least: usize) -> Vec<Event> {
        self.wait_for(|state| {
            let events = &state.told.events;
            (events.len() >= at_least).then(|| events.clone())
        })
        .await
    }

    /// All calls of skills so far.
    #[must_use]
    pub fn skill_calls(&self) -> Vec<SkillCall> {
        self.lock().told.skill_calls.clone()
    }

    /// Answers calls of this skill from now on. Calls of other skills are refused.
    pub fn answer_skill(
        &self,
        name: impl Into<TaskName>,
        answer: impl Fn(&RawJson) -> Result<RawJson, TransportError> + Send + Sync + 'static,
    ) {
        let mut state = self.lock();
        state.told.skills.insert(name.into(), Arc::new(answer));
    }

    pub(super) fn take_progress(
        &self,
        peer: usize,
        update: ProgressUpdate,
    ) -> Result<(), TransportError> {
        self.begin(peer, Call::Progress)?;
        let mut state = self.lock();
        state.told.progress.push(update);
        self.changed(state);
        Ok(())
    }

    pub(super) fn take_event(&self, peer: usize, event: Event) -> Result<bool, TransportError> {
        self.begin(peer, Call::Event)?;
        let mut state = self.lock();
        state.told.events.push(event);
        self.changed(state);
        Ok(true)
    }

    pub(super) fn answer_call(
        &self,
        peer: usize,
        call: SkillCall,
    ) -> Result<RawJson, TransportError> {
        self.begin(peer, Call::CallSkill)?;
        let mut state = self.lock();
        let skill = state.told.skills.get(&call.skill).cloned();
        let (name, params) = (call.skill.clone(), call.params.clone());
        state.told.skill_calls.push(call);
        self.changed(state);
        match skill {
            Some(skill) => skill(&params),
            None => Err(TransportError::Refused {
                reason: format!("nobody has the skill {name}"),
            }),
        }
    }
}
