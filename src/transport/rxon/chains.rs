//! On whose behalf tasks are done: the chain of identities that came with a task goes
//! back with everything that is said about it. avtomatika 1.0b30 carries such chains and
//! looks at none.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::id::TaskId;

/// Tasks whose chains are remembered at once; far more than a worker has.
const MOST: usize = 10_000;

/// The chains of the tasks of one orchestrator. Most have none.
#[derive(Debug, Default)]
pub(super) struct Chains(RefCell<HashMap<TaskId, Rc<[String]>>>);

impl Chains {
    /// Remembers the chain in the text of a task, if there is one.
    pub(super) fn remember(&self, task: &TaskId, text: &[u8]) {
        let mut chains = self.0.borrow_mut();
        if chains.len() < MOST
            && let Some(chain) = read(text)
        {
            chains.insert(task.clone(), chain);
        }
    }

    /// The chain of a task; empty for most.
    pub(super) fn of(&self, task: &TaskId) -> Rc<[String]> {
        let chain = self.0.borrow().get(task).cloned();
        chain.unwrap_or_else(|| Rc::new([]))
    }

    /// Nothing more will be said about this task.
    pub(super) fn forget(&self, task: &TaskId) {
        let mut chains = self.0.borrow_mut();
        // Mostly there is none to look for.
        if !chains.is_empty() {
            chains.remove(task);
        }
    }
}

fn read(text: &[u8]) -> Option<Rc<[String]>> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        security: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Security<'a> {
        #[serde(borrow)]
        identity_chain: Option<Vec<Cow<'a, str>>>,
    }
    let wire: Wire<'_> = serde_json::from_slice(text).ok()?;
    let security: Security<'_> = serde_json::from_str(wire.security?.get()).ok()?;
    let chain = security.identity_chain?;
    (!chain.is_empty()).then(|| chain.into_iter().map(Cow::into_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_remembered_until_the_task_is_over() {
        let (chains, task) = (Chains::default(), TaskId::from("t"));
        chains.remember(
            &task,
            br#"{"security":{"identity_chain":["root","w\u0032"]}}"#,
        );
        assert_eq!(*chains.of(&task), ["root".to_owned(), "w2".to_owned()]);
        chains.forget(&task);
        assert!(chains.of(&task).is_empty());
    }

    #[test]
    fn what_is_no_chain_is_none() {
        let chains = Chains::default();
        for text in [
            "{}",
            "",
            r#"{"security":null}"#,
            r#"{"security":[]}"#,
            r#"{"security":{"identity_chain":null}}"#,
            r#"{"security":{"identity_chain":[]}}"#,
            r#"{"security":{"identity_chain":[1]}}"#,
            r#"{"security":{"identity_chain":"root"}}"#,
        ] {
            chains.remember(&"t".into(), text.as_bytes());
        }
        assert!(chains.0.borrow().is_empty());
    }
}
