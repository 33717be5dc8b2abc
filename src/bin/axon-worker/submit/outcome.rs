//! What the record of a job says, whoever wrote it: the development orchestrator, or
//! avtomatika 1.0b12 or 1.0b30.

use serde_json::{Value, json};

/// Statuses of jobs to which nothing will happen any more.
const ENDS: [&str; 5] = ["finished", "failed", "error", "quarantined", "cancelled"];

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    job: String,
    status: String,
    data: Value,
    error: Value,
}

impl Outcome {
    /// The end that a record tells of, if the job has ended.
    pub(super) fn of(job: &str, record: &Value) -> Option<Self> {
        let status = record["status"].as_str()?;
        if !ENDS.contains(&status) {
            return None;
        }
        // 1.0b30 shows `result` alone unless it is set to show all of a job.
        let data = [&record["state_history"], &record["result"]];
        let data = data.into_iter().find(|it| !it.is_null());
        let error = [&record["error"], &record["error_message"]];
        let error = error.into_iter().find(|it| !it.is_null());
        let is_good = status == "finished";
        Some(Self {
            job: job.to_owned(),
            status: status.to_owned(),
            data: data.cloned().unwrap_or_default(),
            // That of an attempt that was followed by a good one says nothing any more.
            error: error.filter(|_| !is_good).cloned().unwrap_or_default(),
        })
    }

    pub(super) fn is_good(&self) -> bool {
        self.status == "finished"
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "job_id": self.job,
            "status": self.status,
            "data": self.data,
            "error": self.error,
        })
    }
}

/// How far a job is, if its record tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Progress {
    /// From 0 to 1.
    pub(super) share: f64,
    /// What the worker said.
    pub(super) message: String,
}

impl Progress {
    pub(super) fn of(record: &Value) -> Self {
        let share = record["progress"].as_f64().unwrap_or_default();
        // Workers send a share of 1 or of 100; nobody says which.
        let share = if share > 1.0 { share / 100.0 } else { share };
        Self {
            share: share.clamp(0.0, 1.0),
            message: record["progress_message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_whoever_wrote_the_record() {
        let of = |record: Value| Outcome::of("j", &record).map(|it| it.to_json());
        assert_eq!(of(json!({"status": "waiting_for_worker"})), None);
        assert_eq!(of(json!({"status": "pending"})), None);
        assert_eq!(of(json!({})), None);
        let told = of(json!({"status": "finished", "state_history": {"a": 1}, "error": "old"}));
        let expected =
            json!({"job_id": "j", "status": "finished", "data": {"a": 1}, "error": null});
        assert_eq!(told, Some(expected));
        let told = of(json!({"status": "finished", "result": {"a": 2}})).unwrap();
        assert_eq!(told["data"]["a"], 2);
        let told = of(json!({"status": "quarantined", "error_message": "no luck"})).unwrap();
        assert_eq!(told["error"], "no luck");
        let error = json!({"code": "PERMANENT_ERROR"});
        let told = of(json!({"status": "failed", "error": error, "error_message": "x"})).unwrap();
        assert_eq!(told["error"], error);
    }

    #[test]
    fn progress_is_a_share_whatever_its_scale() {
        let of = |value: Value| Progress::of(&json!({ "progress": value })).share;
        for (sent, share) in [
            (json!(0.25), 0.25),
            (json!(25), 0.25),
            (json!(1), 1.0),
            (json!(250), 1.0),
            (json!(-1), 0.0),
            (json!("half"), 0.0),
        ] {
            assert!((of(sent.clone()) - share).abs() < 1e-9, "{sent}");
        }
    }
}
