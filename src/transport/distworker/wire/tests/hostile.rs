use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use prost::Message;
use prost::encoding::encode_varint;

use super::super::messages::{Payload, TaskAssign};
use super::super::structs::{Kind, Struct, Value, Whole};
use super::super::{Incoming, read, write};
use super::*;

/// An object of this many objects inside one another.
fn nested(depth: usize) -> Struct {
    let mut inner = Struct::default();
    for _ in 0..depth {
        let kind = Some(Kind::Object(inner));
        inner = Struct {
            fields: [("d".to_owned(), Value { kind })].into(),
        };
    }
    inner
}

fn assigned(input: Struct) -> Bytes {
    write(Payload::TaskAssign(TaskAssign {
        task_id: "deep".to_owned(),
        queue: "q".to_owned(),
        input: Some(input),
        ..TaskAssign::default()
    }))
}

#[test]
fn what_the_sdk_can_read_can_be_read_here() {
    // The outermost is one of the 33.
    let read = read(&assigned(nested(32))).unwrap();
    assert!(matches!(read, Incoming::Assigned(_)));
}

#[test]
fn a_task_that_is_nested_too_deep_to_be_read_is_known_by_its_id() {
    let unreadable = read(&assigned(nested(120))).unwrap_err();
    assert_eq!(unreadable.task_id.as_deref(), Some("deep"));
}

#[test]
fn a_length_that_nothing_follows_takes_no_memory() {
    let mut bytes = BytesMut::from(&[0x08, 10, 0x52][..]);
    encode_varint(u64::MAX >> 1, &mut bytes);
    bytes.put_u8(0x0a);
    assert!(read(&bytes.freeze()).is_err());
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-9_007_199_254_740_992i64..=9_007_199_254_740_992).prop_map(Json::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&Bytes::from(bytes));
    }

    #[test]
    fn a_message_with_a_byte_changed_does_no_harm(at in 0usize..100, to: u8) {
        let mut bytes = assigned(nested(3)).to_vec();
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = read(&bytes.into());
    }

    /// Through a Struct and back, JSON means the same.
    #[test]
    fn json_survives_the_way(value in prop::collection::btree_map(".{0,6}", json(), 0..6)) {
        let json = Json::Object(value.into_iter().collect());
        let raw = crate::RawJson::from_serialize(&json).unwrap();
        let made = Struct::of_json(&raw, Whole::Exact).unwrap();
        let read = Struct::decode(made.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(&read, &made);
        let back = read.to_json();
        let again = Struct::of_json(&back, Whole::Rounded).unwrap();
        prop_assert_eq!(again, made);
    }
}
