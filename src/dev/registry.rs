//! The workers that the orchestrator knows: their records, stored as they sent
//! them, and how long they are kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::Dialect;
use super::contracts::Contract;
use crate::TaskName;

/// A worker's record, member by member as it was sent.
pub(crate) type Record = Map<String, Value>;

/// Workers with a lower reputation get no tasks (1.0b17).
const LOWEST_REPUTATION: f64 = 0.3;

/// What the dispatcher reads out of a record.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// Only a worker that says exactly `idle` gets tasks; one that has said
    /// nothing yet counts as idle.
    pub(crate) is_idle: bool,
    pub(crate) tasks: Vec<TaskName>,
    /// Those of `tasks` that the worker says it has no free slot for (1.0b17; in 1.0b2 they are
    /// not among `tasks`).
    pub(crate) busy: HashSet<TaskName>,
    pub(crate) hot: HashSet<TaskName>,
    /// Whether the worker takes commands over its WebSocket.
    pub(crate) takes_commands: bool,
    /// What a task costs there, by its name (1.0b17).
    pub(crate) costs: HashMap<TaskName, f64>,
    /// From 0 to 1; only 1.0b17 changes it.
    pub(crate) reputation: f64,
    /// The schemas of the skills (1.0b17).
    pub(crate) contracts: HashMap<TaskName, Arc<Contract>>,
}

impl Offers {
    fn of(record: &Record, dialect: Dialect) -> Self {
        match dialect {
            Dialect::V1_0b2 => Self::of_1_0b2(record),
            Dialect::V1_0b17 => Self {
                contracts: contracts(record),
                ..Self::of_1_0b17(record)
            },
        }
    }

    /// Reads a record that has changed. Schemas are compiled only when the skills have.
    fn reread(&mut self, record: &Record, dialect: Dialect, has_skills: bool) {
        let contracts = std::mem::take(&mut self.contracts);
        *self = match dialect {
            Dialect::V1_0b17 if !has_skills => Self {
                contracts,
                ..Self::of_1_0b17(record)
            },
            _ => Self::of(record, dialect),
        };
    }

    /// Tasks that the worker takes now. With `ignores_availability` those as well that it has
    /// no free slot for.
    pub(crate) fn wanted(&self, ignores_availability: bool) -> impl Iterator<Item = &TaskName> {
        let tasks = self.tasks.iter();
        tasks.filter(move |name| ignores_availability || !self.busy.contains(*name))
    }

    /// Returns `true` if a task of this name may be handed out now, see [`Offers::wanted`].
    pub(crate) fn wants(&self, name: &TaskName, ignores_availability: bool) -> bool {
        self.is_idle
            && self
                .wanted(ignores_availability)
                .any(|wanted| wanted == name)
    }

    fn of_1_0b17(record: &Record) -> Self {
        let list = |key: &str| {
            record
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let capability = |key: &str| record.get("capabilities")?.get(key);
        let costs = capability("cost_per_skill").and_then(Value::as_object);
        let costs = costs.into_iter().flatten();
        let reputation = record.get("reputation").and_then(Value::as_f64);
        let reputation = reputation.unwrap_or(1.0);
        let is_idle = record.get("status").is_none_or(|status| status == "idle");

        let tasks: Vec<TaskName> = list("supported_skills").filter_map(name).collect();
        let mut busy = HashSet::new();
        if record.get("available_skills").is_some_and(Value::is_array) {
            let available: HashSet<TaskName> = list("available_skills").filter_map(name).collect();
            let is_busy = |name: &&TaskName| !available.contains(*name);
            busy = tasks.iter().filter(is_busy).cloned().collect();
        }

        Self {
            is_idle: is_idle && reputation >= LOWEST_REPUTATION,
            tasks,
            busy,
            hot: list("hot_skills").filter_map(name).collect(),
            takes_commands: capability("websockets") == Some(&Value::Bool(true)),
            costs: costs
                .filter_map(|(name, cost)| Some((name.as_str().into(), cost.as_f64()?)))
                .collect(),
            reputation,
            contracts: HashMap::new(),
        }
    }

    fn of_1_0b2(record: &Record) -> Self {
        let names = |key: &str| -> Vec<TaskName> {
            let items = record.get(key).and_then(Value::as_array);
            let texts = items.into_iter().flatten().filter_map(Value::as_str);
            texts.map(TaskName::from).collect()
        };
        let takes_commands = record
            .get("capabilities")
            .and_then(|capabilities| capabilities.get("websockets"));
        Self {
            is_idle: record.get("status").is_none_or(|status| status == "idle"),
            tasks: names("supported_tasks"),
            hot: names("hot_cache").into_iter().collect(),
            takes_commands: takes_commands == Some(&Value::Bool(true)),
            ..Self::default()
        }
    }
}

/// The name of a skill, which may be all there is of it.
fn name(item: &Value) -> Option<TaskName> {
    let name = item.as_str().or_else(|| item.get("name")?.as_str());
    name.map(TaskName::from)
}

fn contracts(record: &Record) -> HashMap<TaskName, Arc<Contract>> {
    let skills = record.get("supported_skills").and_then(Value::as_array);
    let skills = skills.into_iter().flatten();
    skills
        .filter_map(|skill| Some((name(skill)?, Contract::of(skill))))
        .collect()
}

#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) record: Record,
    pub(crate) offers: Offers,
    expires: Instant,
}

#[derive(Debug)]
pub(crate) struct Registry {
    lease: Duration,
    dialect: Dialect,
    workers: HashMap<String, Known>,
}

impl Registry {
    pub(crate) fn new(lease: Duration, dialect: Dialect) -> Self {
        Self {
            lease,
            dialect,
            workers: HashMap::new(),
        }
    }

    /// Stores a record in place of any earlier one.
    pub(crate) fn register(&mut self, id: &str, mut record: Record, now: Instant) {
        record
            .entry("reputation")
            .or_insert_with(|| Value::from(1.0));
        let known = Known {
            offers: Offers::of(&record, self.dialect),
            record,
            expires: now + self.lease,
        };
        self.workers.insert(id.to_owned(), known);
    }

    /// Replaces the members that are in `changes` and renews the lease.
    pub(crate) fn merge(&mut self, id: &str, changes: Record, now: Instant) -> Option<&Known> {
        let (lease, dialect) = (self.lease, self.dialect);
        let known = self.live(id, now)?;
        let has_skills = changes.contains_key("supported_skills");
        known.record.extend(changes);
        known.offers.reread(&known.record, dialect, has_skills);
        known.expires = now + lease;
        Some(known)
    }

    /// Moves the reputation of a worker, within 0 and 1.
    pub(crate) fn rate(&mut self, id: &str, change: f64, now: Instant) {
        let dialect = self.dialect;
        let Some(known) = self.live(id, now).filter(|_| change != 0.0) else {
            return;
        };
        let reputation = (known.offers.reputation + change).clamp(0.0, 1.0);
        known
            .record
            .insert("reputation".to_owned(), reputation.into());
        known.offers.reread(&known.record, dialect, false);
    }

    /// Renews the lease; false when the worker is not known.
    pub(crate) fn renew(&mut self, id: &str, now: Instant) -> bool {
        let lease = self.lease;
        self.live(id, now)
            .map(|known| known.expires = now + lease)
            .is_some()
    }

    /// A worker whose lease has not run out. Leases are looked at here and
    /// nowhere else, so no timer is needed.
    pub(crate) fn get(&self, id: &str, now: Instant) -> Option<&Known> {
        self.workers.get(id).filter(|known| known.expires > now)
    }

    pub(crate) fn all(&self, now: Instant) -> impl Iterator<Item = (&str, &Known)> {
        let live = self
            .workers
            .iter()
            .filter(move |(_, known)| known.expires > now);
        live.map(|(id, known)| (id.as_str(), known))
    }

    pub(crate) fn forget(&mut self) {
        self.workers.clear();
    }

    fn live(&mut self, id: &str, now: Instant) -> Option<&mut Known> {
        if self.workers.get(id)?.expires <= now {
            self.workers.remove(id);
            return None;
        }
        self.workers.get_mut(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(value: Value) -> Record {
        let Value::Object(record) = value else {
            unreachable!()
        };
        record
    }

    #[test]
    fn a_heartbeat_changes_what_it_names_and_keeps_the_rest() {
        let now = Instant::now();
        let mut registry = Registry::new(Duration::from_mins(2), Dialect::V1_0b2);
        registry.register("w", record(json!({"supported_tasks": ["a"], "x": 1})), now);
        assert!(registry.get("w", now).unwrap().offers.is_idle);
        let known = registry
            .merge(
                "w",
                record(json!({"status": "busy", "supported_tasks": []})),
                now,
            )
            .unwrap();
        assert!(!known.offers.is_idle);
        assert!(known.offers.tasks.is_empty());
        assert_eq!(known.record["x"], 1);
        assert_eq!(known.record["reputation"], 1.0);
    }

    #[test]
    fn a_lease_runs_out_unless_it_is_renewed() {
        let now = Instant::now();
        let lease = Duration::from_secs(10);
        let mut registry = Registry::new(lease, Dialect::V1_0b2);
        registry.register("w", Record::new(), now);
        assert!(registry.renew("w", now + lease / 2));
        assert!(registry.get("w", now + lease).is_some());
        let late = now + lease * 2;
        assert!(registry.get("w", late).is_none());
        assert!(!registry.renew("w", late));
        assert!(registry.merge("w", Record::new(), late).is_none());
    }

    #[test]
    fn in_1_0b17_skills_have_names_costs_and_contracts() {
        let now = Instant::now();
        let mut registry = Registry::new(Duration::from_mins(2), Dialect::V1_0b17);
        let sent = json!({"supported_skills": [{"name": "a"}, {"name": "b"}],
            "available_skills": ["b"], "hot_skills": ["b"],
            "capabilities": {"cost_per_skill": {"a": 2}, "websockets": true}});
        registry.register("w", record(sent), now);
        let offers = &registry.get("w", now).unwrap().offers;
        assert_eq!(offers.tasks.len(), 2);
        let wanted = |ignores| offers.wanted(ignores).cloned().collect::<Vec<_>>();
        assert_eq!(wanted(false), ["b".into()], "a has no free slot");
        assert_eq!(wanted(true).len(), 2, "as avtomatika 1.0b30 does");
        assert!(offers.hot.contains(&TaskName::from("b")) && offers.is_idle);
        assert_eq!(offers.costs.get(&TaskName::from("a")), Some(&2.0));
        assert!(offers.takes_commands && offers.contracts.len() == 2);
        registry.rate("w", -0.8, now);
        assert!(!registry.get("w", now).unwrap().offers.is_idle);
        registry.register("w", Record::new(), now);
        assert!(registry.get("w", now).unwrap().offers.is_idle);
    }
}
