//! The canonical form of messages against the published `rxon` itself, on random numbers: the
//! development orchestrator shares our code, so it cannot tell.

use std::process::Command;

use axon_worker::transport::rxon::security::canonical;

use crate::RELEASE;
use crate::support::published_python;

/// Rounds of about 25 numbers of all kinds, and a message of several.
const ROUNDS: &str = "4000";

#[test]
fn random_numbers_have_the_form_that_the_published_package_signs() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/canonical.py");
    let seed = std::process::id().to_string();
    let output = Command::new(published_python(RELEASE))
        .args([script, ROUNDS, &seed])
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "{output:?}");

    let (mut same, mut refused) = (0, 0);
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        let (text, expected): (String, Option<String>) = serde_json::from_str(line).unwrap();
        let form = canonical(text.as_bytes(), &[]).ok();
        let form = form.map(|form| String::from_utf8(form).unwrap());
        // Python's reader knows infinity, which is left out of a message later on.
        if expected.as_deref() == Some("null") {
            assert_eq!(form, None, "seed {seed}: {text}");
            continue;
        }
        assert_eq!(form, expected, "seed {seed}: {text}");
        *if expected.is_some() {
            &mut same
        } else {
            &mut refused
        } += 1;
    }

    println!("{same} forms are the same, {refused} are refused by both (seed {seed})");
    assert!(same > 80_000 && refused > 1_000, "{same}, {refused}");
}
