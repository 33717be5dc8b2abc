//! Settings that no client can be made from.

use axon_worker::config::RxonVersion;
use axon_worker::transport::rxon::SetupError;

use super::setup;

#[test]
fn an_address_that_cannot_work_is_refused_with_the_reason() {
    for url in [
        "",
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "/relative",
        "http://host/?a=b",
        "http://ho st/",
        "http://host:99999",
        "http://host:",
        "http://host/a\r\nb: c",
    ] {
        let error = setup(url, "t", RxonVersion::Auto).unwrap_err();
        assert!(matches!(error, SetupError::Url { .. }), "{url:?}: {error}");
    }
    for url in ["http://localhost:1", "http://[::1]:80/prefix"] {
        assert!(setup(url, "t", RxonVersion::Auto).is_ok(), "{url:?}");
    }
}

#[test]
fn no_error_and_no_debug_text_tells_a_secret() {
    for (url, token) in [
        ("http://user:hunter2@host", "t"),
        ("http://user:hunter2@ho st", "t"),
        ("user:hunter2@host:1", "t"),
        ("http://host/?token=hunter2", "t"),
        ("http://u:hunter2@host:99999/", "t"),
        ("http://host", "hunter2\n"),
    ] {
        let error = setup(url, token, RxonVersion::Auto).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let setup = setup("http://host", "hunter2", RxonVersion::Auto).unwrap();
    assert!(!format!("{setup:?}").contains("hunter2"));
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_the_feature_says_which_feature() {
    let error = setup("https://host", "t", RxonVersion::Auto).unwrap_err();
    assert!(error.to_string().contains("feature `tls`"), "{error}");
}
