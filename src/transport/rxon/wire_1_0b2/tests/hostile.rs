//! Nothing that an orchestrator sends brings the worker down.

use proptest::prelude::*;

use super::*;

#[test]
fn deep_nesting_does_not_reach_the_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        let text =
            format!(r#"{{"x":{deep},"task_id":"t","job_id":"j","type":"e","params":{deep}}}"#);
        let task = task(&text).unwrap();
        assert_eq!(task.params.as_str().len(), deep.len());
        assert!(task.params.parse::<Value>().is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(bytes);
        let _ = read_task(ORIGIN, &body);
        let _ = read_beat_reply(&body);
        let _ = read_receipt(&body);
        let _ = read_registered(&body);
    }

    #[test]
    fn a_mangled_task_never_panics(at in 0_usize..160, with in any::<[u8; 3]>(), cut in 0_usize..200) {
        let text = r#"{"job_id":"jj","task_id":"t\u00fct","type":"echo","params":{"a":[1,null,{"b":"c"}]},"tracing_context":{"a":"b"},"params_metadata":{},"priority":1.5,"deadline":99.5}"#;
        let mut bytes = text.as_bytes().to_vec();
        bytes.splice(at..(at + 2), with);
        bytes.truncate(cut);
        let body = Bytes::from(bytes);
        if let Ok(task) = read_task(ORIGIN, &body) {
            let _ = task.params.as_str();
            let _ = task.params.parse::<Value>();
        }
    }
}
