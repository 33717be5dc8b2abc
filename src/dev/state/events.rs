//! Events in RXON 1.0b17.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::State;
use crate::dev::recorder::RecordedEvent;
use crate::dev::wire::v1_0b17::EventMessage;

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventAnswer {
    Accepted,
    /// The payload does not fit the schema of the skill.
    BreaksContract(String),
    /// 403
    Forbidden(String),
}

impl State {
    /// Takes an event that `worker` sent and signed.
    pub(crate) fn event(&mut self, worker: &str, event: &EventMessage) -> EventAnswer {
        if event.worker_id != worker {
            return EventAnswer::Forbidden("Immediate sender ID mismatch".to_owned());
        }
        let job = event.job().and_then(|id| Some((id, self.jobs.get(id)?)));
        if let Some((id, kept)) = job {
            if kept.job.is_of_others(worker) {
                return EventAnswer::Forbidden(format!(
                    "Forbidden: Worker '{worker}' is not assigned to job '{id}'"
                ));
            }
            let known = self.registry.get(worker, Instant::now());
            let skill = kept.job.skill_of(None);
            let contract = known.and_then(|known| known.offers.contracts.get(skill?));
            let checked = contract.map(|it| it.check_event(&event.kind, &event.payload));
            if let Some(Err(error)) = checked {
                return EventAnswer::BreaksContract(error);
            }
        }
        let Some(id) = event.job().cloned() else {
            return EventAnswer::Accepted;
        };
        if event.is_progress() {
            let value = event.payload.get("progress").cloned();
            let text = event.payload.get("message").and_then(Value::as_str);
            self.tell_progress(
                &id,
                Some(value.unwrap_or_else(|| json!(0.0))),
                Some(text.unwrap_or_default().to_owned()),
            );
        }
        // Nothing is refused but retries, and an event orders none.
        let _ = self.apply(&id, |job| {
            job.event(&event.kind, &event.payload, SystemTime::now())
        });
        EventAnswer::Accepted
    }

    pub(crate) fn record_event(&mut self, event: RecordedEvent) {
        self.recorder.event(event);
    }
}
