//! What a test expects of the end of a task, with messages that show what came instead.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::HandlerEnd;
use crate::task::{Outcome, Reply, TaskError, TaskResult};

/// Takes the end of a task apart. What is not there fails the test, which then shows what
/// is.
pub trait Expect {
    /// The end.
    #[doc(hidden)]
    fn end(&self) -> &Outcome;

    /// The reply of a handler that did not fail.
    ///
    /// # Panics
    /// When it failed or was called off.
    #[track_caller]
    fn reply(&self) -> &Reply {
        match self.end() {
            Outcome::Completed(reply) => reply,
            Outcome::Failed(error) => panic!("expected a reply, but it failed: {error}"),
            other => panic!("expected a reply, but it was {}", other.status()),
        }
    }

    /// The data of the reply, whatever its status. Orchestrators get objects: what the
    /// handler returned is looked for in `{"result": ...}` where it is none itself.
    ///
    /// # Panics
    /// When it failed, was called off, or the data are of another type.
    #[track_caller]
    fn data<T: DeserializeOwned>(&self) -> T {
        let raw = self.reply().data();
        let error = match serde_json::from_str(raw.as_str()) {
            Ok(data) => return data,
            Err(error) => error,
        };
        let whole: Value = serde_json::from_str(raw.as_str()).unwrap_or_default();
        let inner = whole.as_object().filter(|members| members.len() == 1);
        let inner = inner.and_then(|members| members.get("result")).cloned();
        match inner.map(serde_json::from_value) {
            Some(Ok(data)) => data,
            Some(Err(error)) => panic!("the data {} are of another type: {error}", raw.as_str()),
            // A handler that returns nothing has the data `{}`.
            None if raw.as_str() == "{}" => {
                serde_json::from_value(Value::Null).unwrap_or_else(|_| {
                    panic!("the data {} are of another type: {error}", raw.as_str())
                })
            }
            None => panic!("the data {} are of another type: {error}", raw.as_str()),
        }
    }

    /// The error of a handler that failed.
    ///
    /// # Panics
    /// When it did not fail.
    #[track_caller]
    fn failure(&self) -> &TaskError {
        match self.end() {
            Outcome::Failed(error) => error,
            Outcome::Completed(reply) => panic!(
                "expected a failure, but it replied {} with {}",
                reply.status(),
                reply.data().as_str()
            ),
            other => panic!("expected a failure, but it was {}", other.status()),
        }
    }
}

impl Expect for Outcome {
    fn end(&self) -> &Outcome {
        self
    }
}

impl Expect for TaskResult {
    fn end(&self) -> &Outcome {
        &self.outcome
    }
}

impl Expect for HandlerEnd {
    fn end(&self) -> &Outcome {
        &self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IntoOutcome;
    use serde_json::json;

    fn done(value: impl serde::Serialize + 'static) -> Outcome {
        Outcome::Completed(value.into_outcome().unwrap())
    }

    #[test]
    fn data_come_back_as_the_handler_returned_them() {
        assert_eq!(done(7).data::<u64>(), 7);
        assert_eq!(done("text").data::<String>(), "text");
        assert_eq!(done([1, 2]).data::<Vec<u8>>(), [1, 2]);
        done(()).data::<()>();
        assert_eq!(done(json!({"a": 1})).data::<Value>(), json!({"a": 1}));
        assert_eq!(done(7).data::<Value>(), json!({"result": 7}));
    }

    #[test]
    #[should_panic(expected = "expected a reply, but it failed: TRANSIENT_ERROR: no luck")]
    fn a_failure_in_place_of_data_is_shown() {
        let () = Outcome::Failed(TaskError::transient("no luck")).data();
    }

    #[test]
    #[should_panic(expected = r#"expected a failure, but it replied success with {"result":7}"#)]
    fn data_in_place_of_a_failure_are_shown() {
        done(7).failure();
    }

    #[test]
    #[should_panic(expected = "of another type")]
    fn data_of_another_type_are_shown() {
        done("text").data::<u64>();
    }
}
