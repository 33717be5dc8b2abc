//! TLS files that no client can be made from.

use axon_worker::WorkerId;
use axon_worker::config::{OrchestratorSettings, Timing};
use axon_worker::transport::rxon::{RxonSetup, SetupError, TlsFiles};

use super::authority::{Authority, Files};

fn refused(files: &TlsFiles) -> SetupError {
    let settings = OrchestratorSettings::new("https://host", "t0ken-of-the-tests");
    let worker_id = WorkerId::try_new("worker-1").unwrap();
    RxonSetup::new(&settings, &worker_id, &Timing::default(), files).unwrap_err()
}

#[test]
fn a_file_that_does_not_serve_is_named() {
    let ours = Authority::named("ours");
    let files = Files::trusting(&ours).with(&ours.client());
    files.write("text.pem", "no certificate");
    files.write("other.key", &ours.client().key.serialize_pem());
    let good = files.paths();
    let beside = |name| good.ca.as_ref().unwrap().with_file_name(name);
    for (cert, key, at_fault) in [
        ("missing.pem", "client.key", "missing.pem"),
        ("text.pem", "client.key", "text.pem"),
        ("client.pem", "missing.key", "missing.key"),
        ("client.pem", "client.pem", "client.pem"),
        ("client.pem", "other.key", "other.key"),
    ] {
        let error = refused(&TlsFiles {
            cert: Some(beside(cert)),
            key: Some(beside(key)),
            ..good.clone()
        });
        assert!(matches!(error, SetupError::TlsFile { .. }), "{error}");
        assert!(error.to_string().contains(at_fault), "{error}");
    }
}

#[test]
fn an_authority_alone_is_all_that_is_trusted() {
    let files = Files::trusting(&Authority::named("ours"));
    let alone = TlsFiles {
        ca_only: true,
        ..files.paths()
    };
    let nobody = TlsFiles { ca: None, ..alone };
    let error = refused(&nobody);
    assert!(matches!(error, SetupError::NoRoots), "{error}");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let ours = Authority::named("ours");
    let files = Files::trusting(&ours).with(&ours.client());
    let error = refused(&TlsFiles {
        key: None,
        ..files.paths()
    });
    assert!(matches!(error, SetupError::HalfIdentity), "{error}");
}
