use std::time::{Duration, SystemTime};

use super::super::date;
use super::super::signing::{Authorization, Purpose, Request, keys_of, sign};
use super::*;

#[test]
fn registrations_are_signed_as_the_vectors_say() {
    let vectors = vectors!("registration_signing.json");
    for case in cases(&vectors, "cases", 15) {
        let (token, date) = (text(case, "token"), text(case, "date"));
        assert_eq!(date::day_of(date), text(case, "date_only"));
        let (of_date, of_purpose) = keys_of(token, date);
        assert_eq!(hex(&of_date), text(case, "date_key_hex"));
        assert_eq!(hex(&of_purpose), text(case, "signing_key_hex"));
        let data = bytes(text(case, "data_hex"));
        let signature = sign(token, date, Purpose::Socket, &data);
        assert_eq!(
            hex(&signature),
            text(case, "signature_hex"),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn requests_are_signed_as_the_vectors_say() {
    let vectors = vectors!("request_auth.json");
    for case in cases(&vectors, "cases", 10) {
        let name = text(case, "name");
        let headers = case["headers"].as_object().unwrap();
        // Names of headers have no case; the canonical form has them in lower case.
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap()))
            .collect();
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        let signed = case["signed_headers"].as_array().unwrap();
        let signed: Vec<_> = signed.iter().map(|name| name.as_str().unwrap()).collect();
        let request = Request {
            method: text(case, "method"),
            path: text(case, "path_decoded"),
            query: text(case, "raw_query"),
            headers: &headers,
            signed: &signed,
        };
        let token = text(case, "token");
        assert_eq!(request.signature(token), text(case, "signature"), "{name}");
        let header = request.authorization(text(case, "worker_id"), token);
        assert_eq!(header, text(case, "authorization"), "{name}");
        let read = Authorization::read(&header).unwrap();
        assert_eq!(read.worker_id, text(case, "worker_id"));
        assert_eq!(read.signature, text(case, "signature"));
    }
}

#[test]
fn headers_that_miss_something_are_told_so() {
    let vectors = vectors!("request_auth.json");
    let expected = |case: &str| {
        let verdicts = vectors["verdicts"].as_array().unwrap();
        let verdict = verdicts.iter().find(|verdict| verdict["case"] == case);
        verdict.unwrap()["error"].as_str().unwrap().to_owned()
    };
    for (header, case) in [
        ("Bearer x", "no or foreign Authorization header"),
        (
            "DISTWORKER1_HMAC_SHA256 WorkerId=a, SignedHeaders=b, Signature=c",
            "key spelled WorkerId",
        ),
        (
            "DISTWORKER1_HMAC_SHA256 workerId=a, Signature=c",
            "no SignedHeaders",
        ),
        (
            "DISTWORKER1_HMAC_SHA256 workerId=a, SignedHeaders=b",
            "no Signature",
        ),
    ] {
        assert_eq!(
            Authorization::read(header).unwrap_err(),
            expected(case),
            "{header}"
        );
    }
}

/// `2025-06-13T12:00:00.000Z`, as the vectors write the controller's clock.
fn clock(text: &str) -> SystemTime {
    let compact: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    date::read(&compact).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn dates_are_accepted_as_the_vectors_say() {
    let vectors = vectors!("registration_window.json");
    for case in cases(&vectors, "cases", 16) {
        let now = clock(text(case, "now"));
        let accepted =
            date::read(text(case, "date")).is_some_and(|date| date::is_in_window(date, now));
        assert_eq!(accepted, case["accept"], "{case}");
    }
}

proptest::proptest! {
    #[test]
    fn a_date_that_is_written_is_read_as_the_same_second(seconds in 0u64..250_000_000_000) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let written = date::write(at);
        proptest::prop_assert_eq!(written.len(), 16);
        proptest::prop_assert_eq!(date::read(&written), Some(at));
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(text in "\\PC{0,24}") {
        let _ = date::read(&text);
        let _ = Authorization::read(&text);
    }
}
