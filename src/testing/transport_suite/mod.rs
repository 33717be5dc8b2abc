//! Checks a [`Transport`] against the rules that the worker relies on, those of the
//! trait's documentation.
//!
//! The author of a transport implements [`Peer`], the other side of it: an orchestrator of
//! that protocol that can be told what to do. Two methods have to be there, handing out
//! a task and looking at a result; each further one lets more rules be checked. A rule that
//! cannot be checked is listed as such, with the reason, and does not count as kept.
//!
//! ```
//! use axon_worker::testing::MemoryOrchestrator;
//! use axon_worker::testing::transport_suite::{self, Cannot, Claims, Peer, SeenResult};
//! use axon_worker::transport::memory::Memory;
//! use axon_worker::{JobId, OrchestratorId, Outcome, RawJson};
//! use std::time::Duration;
//!
//! struct InMemory(MemoryOrchestrator);
//!
//! impl Peer for InMemory {
//!     type Transport = Memory;
//!
//!     fn transport(&self, origin: OrchestratorId) -> Memory {
//!         self.0.connect()(origin)
//!     }
//!
//!     async fn submit(&self, name: &str, params: RawJson) -> JobId {
//!         let task = self.0.submit_with(name, params, |_| {});
//!         task.as_str().replace("task", "job").as_str().into()
//!     }
//!
//!     async fn result(&self, job: &JobId) -> Option<SeenResult> {
//!         let results = self.0.results(0).await;
//!         let result = results.into_iter().find(|result| result.job_id == *job)?;
//!         Some(SeenResult::of(&result.outcome))
//!     }
//!
//!     // Whatever else this orchestrator can do:
//!     async fn go_down(&self) -> Result<(), Cannot> {
//!         self.0.go_down();
//!         Ok(())
//!     }
//!
//!     async fn come_up(&self) -> Result<(), Cannot> {
//!         self.0.come_up();
//!         Ok(())
//!     }
//! }
//!
//! # #[actix_rt::main]
//! # async fn main() {
//! // Each rule gets a peer of its own.
//! let report = transport_suite::run(async || {
//!     let orchestrator = MemoryOrchestrator::new();
//!     orchestrator.set_hold(Duration::from_millis(300));
//!     InMemory(orchestrator)
//! })
//! .await;
//! report.assert_kept();
//! println!("{report}");
//! # }
//! ```
//!
//! [`Transport`]: crate::transport::Transport

mod peer;
mod report;
mod rules;
mod stage;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

pub use peer::{Cannot, Claims, Peer, Refusal, Request, SeenResult, TASK, WORKER};
pub use report::{RuleReport, SuiteReport, Verdict};

use crate::task::TaskError;
use rules::rules;
use stage::{Stage, Stop};

/// So many times as long as a single call may take, a rule may take.
const PATIENCE: u32 = 30;

/// Checks all rules, each with a peer of its own, which `start` starts. Needs whatever
/// runtime the transport needs; `#[actix_rt::test]` will do. Real time or a paused clock.
pub async fn run<P: Peer>(start: impl AsyncFn() -> P) -> SuiteReport {
    let mut reports = Vec::new();
    for rule in rules::<P>() {
        let peer = start().await;
        let limit = peer.claims().answers_within * PATIENCE;
        let stage = Stage::new(peer);
        let check = AssertUnwindSafe((rule.check)(&stage)).catch_unwind();
        let verdict = match tokio::time::timeout(limit, check).await {
            Ok(Ok(Ok(()))) => Verdict::Kept,
            Ok(Ok(Err(Stop::Broken(how)))) => Verdict::Broken(how),
            Ok(Ok(Err(Stop::Cannot(why)))) => Verdict::Unchecked(why),
            Ok(Err(panic)) => {
                let said = TaskError::from_panic(&*panic).message().to_owned();
                Verdict::Broken(said.replacen("the handler", "it", 1))
            }
            Err(_) => Verdict::Broken(format!("it was not through within {limit:?}")),
        };
        reports.push(RuleReport {
            name: rule.name,
            demand: rule.demand,
            verdict,
        });
    }
    let unseen = rules::UNSEEN.iter().map(|(name, demand, why)| RuleReport {
        name,
        demand,
        verdict: Verdict::Unchecked((*why).to_owned()),
    });
    reports.extend(unseen);
    SuiteReport { rules: reports }
}
