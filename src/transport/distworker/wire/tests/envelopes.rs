use prost::Message;
use serde_json::json;

use super::super::messages::{
    Envelope, FileInfo, MessageType, Payload, ResourceInfo, SignedWorkerRegister, WorkerHealth,
};
use super::super::structs::Struct;
use super::super::{Incoming, read};
use super::*;

/// A message in the words of the vectors: names of the protocol, defaults left out.
fn told(envelope: &Envelope) -> Json {
    let mut all = serde_json::Map::new();
    if envelope.kind != 0 {
        let kind = match MessageType::try_from(envelope.kind) {
            Ok(kind) => json!(format!("MESSAGE_TYPE_{}", name_of(kind).to_uppercase())),
            Err(_) => json!(envelope.kind),
        };
        all.insert("type".to_owned(), kind);
    }
    if let Some(payload) = &envelope.payload {
        all.insert(name_of(payload.kind()).to_owned(), payload_told(payload));
    }
    Json::Object(all)
}

fn name_of(kind: MessageType) -> &'static str {
    match kind {
        MessageType::Unspecified => "unspecified",
        MessageType::WorkerRegister => "worker_register",
        MessageType::WorkerRegisterResponse => "worker_register_response",
        MessageType::Heartbeat => "heartbeat",
        MessageType::TaskAssign => "task_assign",
        MessageType::TaskProgress => "task_progress",
        MessageType::TaskComplete => "task_complete",
        MessageType::TaskFailed => "task_failed",
    }
}

fn object(of: Option<&Struct>) -> Json {
    of.map_or(Json::Null, |it| it.to_json().parse().unwrap())
}

fn files(of: &[FileInfo]) -> Json {
    of.iter()
        .map(|file| {
            without_defaults(json!({
                "file_id": file.file_id, "filename": file.filename,
                "content_type": file.content_type, "size": file.size,
                "storage_url": file.storage_url,
            }))
        })
        .collect()
}

fn resources(of: &ResourceInfo) -> Json {
    without_defaults(json!({
        "hostname": of.hostname, "cpu_cores": of.cpu_cores, "memory_mb": of.memory_mb,
        "additional": object(of.additional.as_ref()),
    }))
}

fn payload_told(payload: &Payload) -> Json {
    without_defaults(match payload {
        Payload::WorkerRegister(it) => {
            json!({"data": hex(&it.data), "signature": hex(&it.signature)})
        }
        Payload::WorkerRegisterResponse(it) => json!({"idle_time": it.idle_time}),
        Payload::Heartbeat(it) => {
            let health = match it.health() {
                WorkerHealth::Unspecified => Json::Null,
                health => json!(format!(
                    "WORKER_HEALTH_{}",
                    format!("{health:?}").to_uppercase()
                )),
            };
            let usage = it.resource_usage.as_ref().map(|usage| {
                without_defaults(json!({
                    "cpu_percent": usage.cpu_percent, "memory_used_mb": usage.memory_used_mb,
                    "gpu_utilization": usage.gpu_utilization,
                    "additional": object(usage.additional.as_ref()),
                }))
            });
            json!({"timestamp": it.timestamp, "health": health, "resource_usage": usage})
        }
        Payload::TaskAssign(it) => json!({
            "task_id": it.task_id, "queue": it.queue, "metadata": object(it.metadata.as_ref()),
            "input": object(it.input.as_ref()), "timeout_ms": it.timeout_ms, "files": files(&it.files),
        }),
        Payload::TaskProgress(it) => json!({
            "task_id": it.task_id, "progress": it.progress, "message": it.message,
            "data": object(it.data.as_ref()),
        }),
        Payload::TaskComplete(it) => json!({
            "task_id": it.task_id, "result": object(it.result.as_ref()),
            "result_files": files(&it.result_files),
        }),
        Payload::TaskFailed(it) => json!({
            "task_id": it.task_id, "error_code": it.error_code,
            "error_message": it.error_message, "error_details": object(it.error_details.as_ref()),
        }),
    })
}

/// Only members of this very object: an empty Struct stays.
fn without_defaults(mut object: Json) -> Json {
    let members = object.as_object_mut().unwrap();
    members.retain(|_, value| {
        let zero = value.as_f64() == Some(0.0);
        let empty_list = value.as_array().is_some_and(Vec::is_empty);
        !(value.is_null() || zero || value == "" || empty_list)
    });
    object
}

/// Whole numbers as floats, so that `5` and `5.0` compare equal.
fn as_floats(json: &Json) -> Json {
    match json {
        Json::Number(n) => json!(n.as_f64().unwrap()),
        Json::Array(items) => items.iter().map(as_floats).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), as_floats(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn messages_are_read_and_written_as_the_vectors_say() {
    let vectors = vectors!("envelopes.json");
    for case in cases(&vectors, "encode_and_decode", 39) {
        let name = text(case, "name");
        let wire = bytes(text(case, "hex"));
        let envelope = Envelope::decode(wire.clone()).unwrap();
        assert_eq!(
            as_floats(&told(&envelope)),
            as_floats(&case["json"]),
            "{name}"
        );
        if case["byte_exact"] == true {
            assert_eq!(hex(&envelope.encode_to_vec()), hex(&wire), "{name}");
        }
        if let Some(signed) = case.get("signed_json") {
            let Some(Payload::WorkerRegister(register)) = &envelope.payload else {
                panic!("{name}")
            };
            let inner = SignedWorkerRegister::decode(register.data.clone()).unwrap();
            let told = without_defaults(json!({
                "provisioner_name": inner.provisioner_name, "worker_id": inner.worker_id,
                "date": inner.date,
                "resource_info": inner.resource_info.as_ref().map(resources),
            }));
            assert_eq!(as_floats(&told), as_floats(signed), "{name}");
            let again = super::super::write_registration(&inner, text(case, "token"));
            assert_eq!(hex(&again), hex(&wire), "{name}");
        }
    }
}

#[test]
fn odd_messages_are_read_as_the_vectors_say() {
    let vectors = vectors!("envelopes.json");
    for case in cases(&vectors, "decode_only", 13) {
        let name = text(case, "name");
        let envelope = Envelope::decode(bytes(text(case, "hex"))).unwrap();
        assert_eq!(envelope.kind, case["type"], "{name}");
        assert_eq!(
            as_floats(&told(&envelope)),
            as_floats(&case["json"]),
            "{name}"
        );
    }
}

#[test]
fn a_message_that_makes_no_sense_is_nothing_and_no_task_with_an_empty_id() {
    let vectors = vectors!("envelopes.json");
    for case in cases(&vectors, "decode_only", 13) {
        let read = read(&bytes(text(case, "hex"))).unwrap();
        let makes_sense = case["type"] == 10 && case["payload"] == "task_assign";
        assert_eq!(matches!(read, Incoming::Assigned(_)), makes_sense, "{case}");
        if !makes_sense {
            assert!(matches!(read, Incoming::Nothing(_)), "{case}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let vectors = vectors!("envelopes.json");
    for case in cases(&vectors, "undecodable", 6) {
        assert!(read(&bytes(text(case, "hex"))).is_err(), "{case}");
    }
}
