//! Signatures of RXON 1.0b17 against vectors that were made with rxon 1.0b17 and its worker.
//! Every test says how many it went through.

mod vectors;

use std::collections::HashMap;

use axon_worker::transport::rxon::security::ed25519::{PrivateKey, PublicKey};
use axon_worker::transport::rxon::security::{
    MessageKind, SigningKey, canonical, sign_chain, sign_task, skills_hash, verify_chain,
    verify_message, verify_task,
};
use serde_json::Value;
use vectors::{
    ChainCase, Ed25519Case, Ed25519File, FloatsFile, MessageCase, SignedFile, SigningCase,
    SigningFile, SkillsFile, TaskCase, read,
};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn canonical_forms_and_signatures() {
    let file: SigningFile = read("signing.json");
    let (mut signed, mut refused) = (0, 0);
    for case in &file.cases {
        let SigningCase {
            name, payload_json, ..
        } = case;
        let leave_out: Vec<&str> = case.ignore_fields.iter().map(String::as_str).collect();
        let form = canonical(payload_json.as_bytes(), &leave_out);
        let Some(expected) = &case.canonical else {
            assert!(form.is_err(), "{name}: {:?}", form.map(String::from_utf8));
            refused += 1;
            continue;
        };
        let form = form.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(text(&form), expected, "{name}");
        let key = SigningKey::new(&file.secret).unwrap();
        let signature = case.hmac_sha256_hex.as_ref().expect(name);
        assert_eq!(&key.sign(&form), signature, "{name}");
        assert!(key.verify(&form, signature), "{name}");
        signed += 1;
    }
    for case in &file.other_secrets {
        let form = canonical(case.payload_json.as_bytes(), &[]).unwrap();
        let key = SigningKey::new(&case.secret).unwrap();
        assert_eq!(key.sign(&form), case.hmac_sha256_hex);
    }
    assert!(SigningKey::new("").is_err());
    let key = SigningKey::new(&file.secret).unwrap();
    assert!(!key.verify(b"{}", ""));
    let others = file.other_secrets.len();
    println!("signing.json: {signed} signed, {refused} refused, {others} with other secrets");
    assert!(signed > 50 && refused > 5 && others == 3);
}

/// Ties of the shortest form are among them: floats of 32 bits and times in microseconds.
#[test]
fn floats_have_the_digits_of_the_published_package() {
    let file: FloatsFile = read("floats.json");

    for case in &file.rows {
        let bits = u64::from_str_radix(&case.bits, 16).unwrap();
        // Written in full, so that reading it decides nothing.
        let spelled = format!("{:.60e}", f64::from_bits(bits));
        let form = canonical(spelled.as_bytes(), &[]).unwrap();
        assert_eq!(text(&form), case.text, "{}", case.bits);

        let again = canonical(case.text.as_bytes(), &[]).unwrap();
        assert_eq!(text(&again), case.text, "{}", case.bits);
    }

    println!("floats.json: {} floats", file.rows.len());
    assert!(file.rows.len() >= 100);
}

#[test]
fn messages_as_a_worker_sent_them() {
    let file: SignedFile = read("signed_messages.json");
    let key = SigningKey::new(&file.worker_secret).unwrap();
    for MessageCase {
        kind,
        canonical: expected,
        signature,
        message,
    } in &file.messages
    {
        let body = message.get().as_bytes();
        let kind = match kind.as_str() {
            "registration" => MessageKind::Registration,
            "heartbeat" => MessageKind::Heartbeat,
            "result" => MessageKind::Result,
            "event" => MessageKind::Event,
            other => panic!("{other} is no kind"),
        };
        let form = canonical(body, kind.unsigned_fields()).unwrap();
        assert_eq!(text(&form), expected);
        assert_eq!(&key.sign(&form), signature);
        verify_message(body, kind, &key).unwrap();
    }
    println!("signed_messages.json: {} messages", file.messages.len());
    assert_eq!(file.messages.len(), 21);
}

#[test]
fn tasks_as_an_orchestrator_signs_them() {
    let file: SignedFile = read("signed_messages.json");
    let key = SigningKey::new(&file.orchestrator_secret).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for TaskCase {
        name,
        task,
        canonical: expected,
        accepted: verdict,
    } in &file.tasks
    {
        let body = task.get().as_bytes();
        let verified = verify_task(body, &key);
        if let Some(expected) = expected {
            assert_eq!(
                sign_task(body, &key).unwrap(),
                key.sign(expected.as_bytes()),
                "{name}"
            );
        }
        // The published worker cannot read a fractional deadline at all; it is signed all right.
        let expected = verdict.as_bool().unwrap_or(name == "fractional deadline");
        assert_eq!(verified.is_ok(), expected, "{name}: {verified:?}");
        *if expected {
            &mut accepted
        } else {
            &mut refused
        } += 1;
    }
    println!("signed_messages.json: {accepted} tasks accepted, {refused} refused");
    assert_eq!(accepted + refused, 19);
}

#[test]
fn catalogues_of_skills() {
    let file: SkillsFile = read("skills_hash.json");
    for case in &file.cases {
        let hash = skills_hash(&case.skills, &case.cost_per_skill, &case.extra_capabilities);
        assert_eq!(hash.as_ref(), Ok(&case.skills_hash), "{}", case.name);
    }
    println!("skills_hash.json: {} catalogues", file.cases.len());
    assert_eq!(file.cases.len(), 17);
}

#[test]
fn ed25519_signatures_and_chains() {
    let file: Ed25519File = read("ed25519.json");
    let mut keys = HashMap::new();
    for (name, pem) in &file.keys {
        let private = PrivateKey::from_pem(&pem.private_pem).unwrap();
        let public = PublicKey::from_pem(&pem.public_pem).unwrap();
        assert_eq!(private.public_key(), public);
        assert!(!format!("{private:?}").contains(&pem.private_seed_hex));
        keys.insert(name.clone(), (private, public));
    }
    for case in &file.cases {
        let Ed25519Case {
            payload_json,
            key,
            signature_hex,
            ..
        } = case;
        let (private, public) = &keys[key];
        let leave_out: Vec<&str> = case.ignore_fields.iter().map(String::as_str).collect();
        let form = canonical(payload_json.as_bytes(), &leave_out).unwrap();
        if let Some(expected) = &case.canonical {
            assert_eq!(text(&form), expected);
            assert_eq!(&private.sign(&form), signature_hex);
        }
        assert_eq!(
            public.verify(&form, signature_hex),
            case.verifies,
            "{:?}",
            case.name
        );
    }
    for case in &file.chains {
        let ChainCase {
            chain,
            ed25519_key,
            ed25519_hex,
            hmac_secret,
            hmac_sha256_hex,
            ..
        } = case;
        let (private, public) = &keys[ed25519_key];
        let key = SigningKey::new(hmac_secret).unwrap();
        assert_eq!(&private.sign_chain(chain), ed25519_hex);
        assert_eq!(&sign_chain(chain, &key), hmac_sha256_hex);
        let reversed: Vec<&String> = chain.iter().rev().collect();
        let expected = case.reversed_chain_verifies;
        assert!(public.verify_chain(chain, ed25519_hex));
        assert!(verify_chain(chain, hmac_sha256_hex, &key));
        assert_eq!(public.verify_chain(&reversed, ed25519_hex), expected);
        assert_eq!(verify_chain(&reversed, hmac_sha256_hex, &key), expected);
    }
    assert!(PrivateKey::from_pem(&file.keys["key-1"].public_pem).is_err());
    assert!(PublicKey::from_pem("no key").is_err());
    let (cases, chains) = (file.cases.len(), file.chains.len());
    println!("ed25519.json: {cases} signatures, {chains} chains");
    assert!(cases == 12 && chains == 4);
}

/// A catalogue as `Value`s keeps `2.0` apart from `2`, as the vectors ask for.
#[test]
fn numbers_of_the_vectors_keep_their_spelling() {
    let two: Value = serde_json::from_str("2.0").unwrap();
    assert_eq!(two.to_string(), "2.0");
}
