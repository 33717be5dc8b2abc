//! What workers say, and what becomes of their tasks by it.

use bytes::Bytes;
use prost::Message;

use super::{DistEvent, State, json_of};
use crate::dev::dist::task::{DistOutcome, DistProgress, Record};
use crate::transport::distworker::wire::messages::{Envelope, FileInfo, Payload, WorkerHealth};

impl State {
    /// A message of a registered worker.
    pub(in crate::dev::dist) fn said(&mut self, number: usize, bytes: &Bytes) {
        let ignored = |what: &str| DistEvent::Ignored(what.to_owned());
        let Ok(envelope) = Envelope::decode(bytes.clone()) else {
            return self.events.push(ignored("no message"));
        };
        let kind = envelope.kind;
        match envelope.payload.filter(|it| it.kind() as i32 == kind) {
            Some(Payload::Heartbeat(beat)) => {
                let health = match beat.health() {
                    WorkerHealth::Unspecified => "",
                    WorkerHealth::Up => "UP",
                    WorkerHealth::Down => "DOWN",
                    WorkerHealth::Warn => "WARN",
                };
                let memory_used_mb = beat.resource_usage.map_or(0, |usage| usage.memory_used_mb);
                self.events.push(DistEvent::Heartbeat {
                    health,
                    memory_used_mb,
                });
            }
            Some(Payload::TaskProgress(it)) => {
                let Some(record) = self.of_worker(number, &it.task_id) else {
                    return;
                };
                record.view.progress.push(DistProgress {
                    progress: it.progress,
                    message: it.message,
                    data: json_of(it.data.as_ref()),
                });
            }
            Some(Payload::TaskComplete(it)) => {
                let outcome = DistOutcome::Completed(json_of(it.result.as_ref()));
                self.ended(number, &it.task_id, outcome, it.result_files);
            }
            Some(Payload::TaskFailed(it)) => {
                let outcome = DistOutcome::Failed {
                    code: it.error_code,
                    message: it.error_message,
                    details: json_of(it.error_details.as_ref()),
                };
                self.ended(number, &it.task_id, outcome, Vec::new());
            }
            _ => self.events.push(ignored("a message of no meaning")),
        }
    }

    /// The task, if it is this worker's.
    fn of_worker(&mut self, number: usize, task_id: &str) -> Option<&mut Record> {
        let worker = self.connections.get(&number)?.worker_id.clone();
        let record = self.tasks.get_mut(task_id);
        let own = record.filter(|record| worker.is_some() && record.worker == worker);
        if own.is_none() {
            let what = format!("about a task that is not its own: {task_id}");
            self.events.push(DistEvent::Ignored(what));
        }
        own
    }

    fn ended(&mut self, number: usize, task_id: &str, outcome: DistOutcome, files: Vec<FileInfo>) {
        let Some(record) = self.of_worker(number, task_id) else {
            return;
        };
        record.view.took = record.assigned_at.map(|at| at.elapsed());
        let again =
            matches!(outcome, DistOutcome::Failed { .. }) && record.retried < record.task.retries;
        if again {
            record.retried += 1;
            record.worker = None;
            self.pending.push_back(task_id.to_owned());
        } else {
            // The same task may be ended twice.
            let is_first = record.view.outcome.replace(outcome).is_none();
            record.view.result_files = files.into_iter().map(Into::into).collect();
            if is_first {
                self.keep_ended(task_id);
            }
        }
        // Whatever else the worker has.
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.current = None;
        }
    }
}
