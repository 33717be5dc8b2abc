//! A `google.protobuf.Struct` as JSON, straight from its bytes. A value takes two bytes on
//! the wire and a multiple of that in memory, so no tree is made of what a message holds:
//! it takes a few times its size, whatever is in it.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::structs::{Kind, Value};
use crate::json::RawJson;

/// How deep objects and lists may be nested.
const DEEPEST: usize = 100;

type Odd = String;

/// A field as it stands on the wire.
enum Part<'a> {
    Varint(u64),
    Fixed([u8; 8]),
    Bytes(&'a [u8]),
    Other,
}

/// The JSON object that a Struct is. Equal Structs give equal texts: members are sorted,
/// and of those with one name the last one counts.
pub(super) fn object_of(bytes: &[u8]) -> Result<RawJson, Odd> {
    let mut text = Vec::with_capacity(bytes.len() + 2);
    write_object(bytes, 0, &mut text)?;
    RawJson::from_bytes(text.into()).map_err(|error| error.to_string())
}

/// How many fields the parts of a message have whose numbers are these, part and field.
pub(super) fn count(mut rest: &[u8], part: u32, field: u32) -> Result<usize, Odd> {
    let mut count = 0;
    while !rest.is_empty() {
        let (number, Part::Bytes(mut inner)) = next(&mut rest)? else {
            continue;
        };
        while number == part && !inner.is_empty() {
            count += usize::from(next(&mut inner)?.0 == field);
        }
    }
    Ok(count)
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<(u32, Part<'a>), Odd> {
    let odd = |error: prost::DecodeError| error.to_string();
    let (number, wire) = decode_key(rest).map_err(odd)?;
    let part = match wire {
        WireType::Varint => Part::Varint(decode_varint(rest).map_err(odd)?),
        WireType::SixtyFourBit => {
            let (fixed, others) = rest.split_first_chunk().ok_or("it ends early")?;
            *rest = others;
            Part::Fixed(*fixed)
        }
        WireType::LengthDelimited => {
            let length = decode_varint(rest).map_err(odd)?;
            let length = usize::try_from(length).map_err(|_| "it ends early")?;
            let (bytes, others) = rest.split_at_checked(length).ok_or("it ends early")?;
            *rest = others;
            Part::Bytes(bytes)
        }
        other => {
            skip_field(other, number, rest, DecodeContext::default()).map_err(odd)?;
            Part::Other
        }
    };
    Ok((number, part))
}

fn write_object(bytes: &[u8], depth: usize, text: &mut Vec<u8>) -> Result<(), Odd> {
    let members = members_of(bytes, depth)?;
    text.push(b'{');
    for (at, start) in members.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let (name, value) = member(bytes, *start)?;
        write_json(name, text)?;
        text.push(b':');
        write_value(value, depth + 1, text)?;
    }
    text.push(b'}');
    Ok(())
}

/// Where the members of a Struct begin: sorted, and none twice.
fn members_of(bytes: &[u8], depth: usize) -> Result<Vec<u32>, Odd> {
    if depth > DEEPEST {
        return Err(format!("it is nested deeper than {DEEPEST}"));
    }
    let (mut rest, mut starts) = (bytes, Vec::<u32>::new());
    let (mut last, mut is_sorted) = (None, true);
    while !rest.is_empty() {
        let start = u32::try_from(bytes.len() - rest.len()).map_err(|_| "it is too large")?;
        if !matches!(next(&mut rest)?, (1, Part::Bytes(_))) {
            continue;
        }
        let (name, _) = member(bytes, start)?;
        if last == Some(name) {
            starts.pop();
        }
        is_sorted &= last.is_none_or(|last| last <= name);
        starts.push(start);
        last = Some(name);
    }
    if is_sorted {
        return Ok(starts);
    }

    let name_at = |start: &u32| member(bytes, *start).map(|it| it.0).unwrap_or_default();
    starts.sort_by(|one, other| name_at(one).cmp(name_at(other)));
    // The later ones stand behind: from the back, the first of each name stays.
    starts.reverse();
    starts.dedup_by(|one, kept| name_at(one) == name_at(kept));
    starts.reverse();
    Ok(starts)
}

/// The member that begins here: its name and its value.
fn member(bytes: &[u8], start: u32) -> Result<(&str, &[u8]), Odd> {
    let start = usize::try_from(start).map_err(|_| "it is too large")?;
    let mut rest = bytes.get(start..).unwrap_or_default();
    let (mut name, mut value): (&str, &[u8]) = ("", &[]);
    let (_, Part::Bytes(mut entry)) = next(&mut rest)? else {
        return Ok((name, value));
    };
    while !entry.is_empty() {
        match next(&mut entry)? {
            (1, Part::Bytes(bytes)) => name = text_of(bytes)?,
            (2, Part::Bytes(bytes)) => value = bytes,
            (1 | 2, _) => return Err(wrong()),
            _ => {}
        }
    }
    Ok((name, value))
}

fn write_value(mut rest: &[u8], depth: usize, text: &mut Vec<u8>) -> Result<(), Odd> {
    // One of several counts, the last one.
    let mut said = None;
    while !rest.is_empty() {
        let (number, part) = next(&mut rest)?;
        if (1..=6).contains(&number) {
            said = Some((number, part));
        }
    }
    match said {
        None | Some((1, Part::Varint(_))) => text.extend_from_slice(b"null"),
        Some((2, Part::Fixed(bytes))) => {
            let kind = Some(Kind::Number(f64::from_le_bytes(bytes)));
            write_json(&Value { kind }, text)?;
        }
        Some((3, Part::Bytes(bytes))) => write_json(text_of(bytes)?, text)?,
        Some((4, Part::Varint(flag))) => write_json(&(flag != 0), text)?,
        Some((5, Part::Bytes(bytes))) => write_object(bytes, depth, text)?,
        Some((6, Part::Bytes(bytes))) => write_list(bytes, depth, text)?,
        Some(_) => return Err(wrong()),
    }
    Ok(())
}

fn write_list(mut rest: &[u8], depth: usize, text: &mut Vec<u8>) -> Result<(), Odd> {
    if depth > DEEPEST {
        return Err(format!("it is nested deeper than {DEEPEST}"));
    }
    text.push(b'[');
    let mut is_first = true;
    while !rest.is_empty() {
        match next(&mut rest)? {
            (1, Part::Bytes(value)) => {
                if !std::mem::take(&mut is_first) {
                    text.push(b',');
                }
                write_value(value, depth + 1, text)?;
            }
            (1, _) => return Err(wrong()),
            _ => {}
        }
    }
    text.push(b']');
    Ok(())
}

fn write_json(value: &(impl serde::Serialize + ?Sized), text: &mut Vec<u8>) -> Result<(), Odd> {
    serde_json::to_writer(text, value).map_err(|error| error.to_string())
}

fn text_of(bytes: &[u8]) -> Result<&str, Odd> {
    std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())
}

fn wrong() -> Odd {
    "a field has the wrong type".to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::super::structs::{Struct, Whole};
    use super::*;

    fn text(bytes: &[u8]) -> String {
        object_of(bytes).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_struct_is_the_object_that_its_tree_is() {
        let json = r#"{"b":[null,true,1,1.5,"ü\n",[],{}],"a":{"z":{"":null}},"c":-7}"#;
        let raw = RawJson::from_bytes(json.into()).unwrap();
        let made = Struct::of_json(&raw, Whole::Exact).unwrap();
        assert_eq!(text(&made.encode_to_vec()), made.to_json().as_str());
        assert_eq!(text(&[]), "{}");
    }

    #[test]
    fn members_are_sorted_and_the_last_of_a_name_counts() {
        let member = |name: &str, flag: u8| {
            let mut entry = vec![0x0a, 1, name.as_bytes()[0]];
            entry.extend([0x12, 2, 0x20, flag]);
            [vec![0x0a, 7], entry].concat()
        };
        let bytes = [member("b", 0), member("a", 0), member("b", 1)].concat();
        assert_eq!(text(&bytes), r#"{"a":false,"b":true}"#);
        assert_eq!(text(&[0x0a, 0, 0x0a, 0]), r#"{"":null}"#);
    }

    #[test]
    fn many_empty_values_take_a_few_times_their_size() {
        let values = [0x0a, 0].repeat(1_000_000);
        let mut list = vec![0x32];
        prost::encoding::encode_varint(values.len() as u64, &mut list);
        list.extend(values);
        let mut entry = vec![0x12];
        prost::encoding::encode_varint(list.len() as u64, &mut entry);
        entry.extend(list);
        let mut bytes = vec![0x0a];
        prost::encoding::encode_varint(entry.len() as u64, &mut bytes);
        bytes.extend(entry);
        let made = object_of(&bytes).unwrap();
        assert!(made.as_bytes().len() < 3 * bytes.len());
    }

    #[test]
    fn fields_of_a_part_are_counted() {
        let bytes = [
            8, 10, 0x52, 4, 0x32, 0, 0x32, 0, 0x52, 2, 0x32, 0, 0x5a, 2, 0x32, 0,
        ];
        assert_eq!(count(&bytes, 10, 6), Ok(3));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = object_of(&bytes);
            if let Ok(json) = read {
                prop_assert!(json.parse::<serde_json::Value>().is_ok());
            }
        }
    }
}
