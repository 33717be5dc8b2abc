//! Which models are in memory, and which skills are therefore ready at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::prelude::*;

use super::heartbeat::StateChanged;
use crate::status::StatusBoard;

/// A handler loaded or dropped a model. The answer is the set after the change, sorted.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<String>")]
pub(crate) enum HotCacheChange {
    Add(String),
    Remove(String),
}

/// What is hot?
#[derive(Debug, Message)]
#[rtype(result = "HotCacheView")]
pub(crate) struct GetHotCache;

/// The answer to [`GetHotCache`], both lists sorted.
#[derive(Debug, Clone, MessageResponse)]
pub(crate) struct HotCacheView {
    pub(crate) models: Arc<[String]>,
    pub(crate) skills: Arc<[String]>,
}

/// The set of models in memory and the models each skill needs.
pub(crate) struct HotCacheActor {
    models: BTreeSet<String>,
    needs: BTreeMap<String, Vec<String>>,
    view: HotCacheView,
    heartbeat: Recipient<StateChanged>,
    board: Arc<StatusBoard>,
}

impl HotCacheActor {
    pub(crate) fn new(
        needs: BTreeMap<String, Vec<String>>,
        heartbeat: Recipient<StateChanged>,
        board: Arc<StatusBoard>,
    ) -> Self {
        let models = BTreeSet::new();
        let view = view(&models, &needs);
        Self {
            models,
            needs,
            view,
            heartbeat,
            board,
        }
    }
}

/// A skill is hot when every model it needs is in memory; one that needs none
/// always is (avtomatika-worker 1.0b4).
fn view(models: &BTreeSet<String>, needs: &BTreeMap<String, Vec<String>>) -> HotCacheView {
    let hot = |needed: &&Vec<String>| needed.iter().all(|model| models.contains(model));
    HotCacheView {
        models: models.iter().cloned().collect(),
        skills: needs
            .iter()
            .filter(|(_, n)| hot(n))
            .map(|(skill, _)| skill.clone())
            .collect(),
    }
}

impl Actor for HotCacheActor {
    type Context = Context<Self>;
}

impl Handler<HotCacheChange> for HotCacheActor {
    type Result = Vec<String>;

    fn handle(&mut self, change: HotCacheChange, _: &mut Self::Context) -> Vec<String> {
        let changed = match change {
            HotCacheChange::Add(model) => self.models.insert(model),
            HotCacheChange::Remove(model) => self.models.remove(&model),
        };
        if changed {
            self.view = view(&self.models, &self.needs);
            let HotCacheView { models, skills } = self.view.clone();
            self.board.set_hot(models, skills);
            self.heartbeat.do_send(StateChanged);
        }
        self.models.iter().cloned().collect()
    }
}

impl Handler<GetHotCache> for HotCacheActor {
    type Result = HotCacheView;

    fn handle(&mut self, _: GetHotCache, _: &mut Self::Context) -> HotCacheView {
        self.view.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn hot_skills_are_those_of_the_reference_worker() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/capacity_states.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let needs =
                serde_json::from_value(case["state"]["skill_dependencies"].clone()).unwrap();
            let models = serde_json::from_value(case["state"]["hot"].clone()).unwrap();
            let expected: BTreeSet<String> = serde_json::from_value::<Option<_>>(
                case["1.0b2"]["heartbeat"]["hot_skills"].clone(),
            )
            .unwrap()
            .unwrap_or_default();
            let skills: BTreeSet<String> = view(&models, &needs).skills.iter().cloned().collect();
            assert_eq!(skills, expected, "{case}");
        }
    }
}
