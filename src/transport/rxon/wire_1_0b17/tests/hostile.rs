//! Nothing that an orchestrator sends brings the worker down, and whatever a handler
//! gives becomes a message that can be verified, or is refused.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::id::OrchestratorId;
use crate::json::RawJson;
use crate::task::{Outcome, Reply, Task, TaskResult};
use crate::transport::rxon::security::{Signer, seal};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn deep_nesting_does_not_reach_the_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        let text = format!(r#"{{"policy":{{"allowed_skills":{deep}}}}}"#);
        assert!(refusal_of(text.as_bytes(), "echo").is_some());
        let text = format!(r#"{{"policy":{deep},"more":{deep}}}"#);
        let _ = refusal_of(text.as_bytes(), "echo");
        let text = format!(r#"{{"version":{deep},"require_full_sync":{deep}}}"#);
        assert_eq!(read_version(text.as_bytes()), None);
        let _ = read_beat_answer(text.as_bytes());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_version(&bytes);
        let _ = read_beat_answer(&bytes);
        let _ = read_event_answer(&bytes);
        let _ = refusal_of(&bytes, "echo");
    }

    #[test]
    fn arbitrary_answers_never_panic(value in any_json(), name in "version|require_full_sync|worker_id|status|code|message|policy") {
        let body = Bytes::from(serde_json::to_vec(&serde_json::json!({ name: value })).unwrap());
        let _ = read_version(&body);
        let _ = read_beat_answer(&body);
        let _ = read_event_answer(&body);
        let _ = refusal_of(&body, "echo");
    }

    #[test]
    fn any_result_can_be_verified_or_is_refused(
        data in any_json(), costs in any_json(), metadata in any_json(), status in ".{1,10}",
    ) {
        let Ok(mut reply) = Reply::status_with(status.clone(), &data) else { return Ok(()) };
        if let Ok(with) = reply.clone().with_costs(&costs) {
            reply = with;
        }
        if let Ok(with) = reply.clone().with_metadata(&metadata) {
            reply = with;
        }
        let task = Task::new(OrchestratorId(0), "t\"", "j\n", "any", RawJson::empty_object());
        let result = TaskResult::of(&task, Outcome::Completed(reply), Duration::from_millis(5));
        let worker_id = WorkerId::try_new("w").unwrap();
        let stamp = Stamp { timestamp: 1, nonce: "n".to_owned() };
        let message = write_result(&worker_id, &result, &stamp);
        let key = SigningKey::new("k").unwrap();
        let Ok(sealed) = seal(&message, MessageKind::Result, &key, Signer::new("w")) else {
            return Ok(());
        };
        verify_message(&sealed, MessageKind::Result, &key).unwrap();
        let read = json_of(&sealed);
        prop_assert_eq!(&read["status"], &Value::from(status));
        prop_assert_eq!(&read["task_id"], "t\"");
        prop_assert!(read["data"].is_object());
        prop_assert!(read["costs"].is_object());
    }
}
