//! Which variable decides about which URL.

use super::support::rules;
use crate::net::{NetError, ProxyRoute};

fn way(vars: &[(&str, &str)], url: &str) -> String {
    match rules(vars).route(url) {
        Ok(ProxyRoute::Direct) => "direct".to_owned(),
        Ok(ProxyRoute::Through(proxy)) => proxy.variable().to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_scheme_says_which_variable_decides() {
    let both = [("http_proxy", "h:1"), ("HTTPS_PROXY", "s:1")];
    for (url, variable) in [
        ("http://a", "http_proxy"),
        ("ws://a", "http_proxy"),
        ("https://a", "HTTPS_PROXY"),
        ("wss://a/ws", "HTTPS_PROXY"),
    ] {
        assert_eq!(way(&both, url), variable, "{url}");
    }
    assert_eq!(way(&both[..1], "https://a"), "direct");
    assert_eq!(way(&both[1..], "http://a"), "direct");
    assert_eq!(way(&[], "http://a"), "direct");
}

#[test]
fn lower_case_wins_and_empty_is_none() {
    for (vars, variable) in [
        (
            &[("HTTP_PROXY", "a"), ("http_proxy", "b")][..],
            "http_proxy",
        ),
        (&[("HTTP_PROXY", "a"), ("http_proxy", " ")], "HTTP_PROXY"),
        (&[("HTTP_PROXY", "a"), ("ALL_PROXY", "b")], "HTTP_PROXY"),
        (&[("all_proxy", "a"), ("ALL_PROXY", "b")], "all_proxy"),
        (&[("http_proxy", ""), ("ALL_PROXY", "b")], "ALL_PROXY"),
        (&[("http_proxy", "")], "direct"),
    ] {
        assert_eq!(way(vars, "http://x"), variable, "{vars:?}");
    }
}

#[test]
fn a_header_of_a_cgi_request_is_no_proxy() {
    let vars = [("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")];
    assert_eq!(way(&vars, "http://a"), "direct");
    let vars = [("http_proxy", "good"), ("REQUEST_METHOD", "GET")];
    assert_eq!(way(&vars, "http://a"), "http_proxy");
}

#[test]
fn hosts_in_no_proxy_are_reached_directly() {
    let with = |name, list| {
        way(
            &[("ALL_PROXY", "p"), (name, list)],
            "https://a.example.com/x",
        )
    };
    assert_eq!(with("NO_PROXY", "example.com"), "direct");
    assert_eq!(with("no_proxy", "EXAMPLE.com:443"), "direct");
    assert_eq!(with("no_proxy", "example.com:8443"), "ALL_PROXY");
    assert_eq!(with("no_proxy", "*"), "direct");
    assert_eq!(with("no_proxy", ""), "ALL_PROXY");

    let both = [("ALL_PROXY", "p"), ("no_proxy", "b"), ("NO_PROXY", "a")];
    assert_eq!(way(&both, "http://a"), "ALL_PROXY", "lower case wins");
    assert_eq!(way(&both, "http://b"), "direct");
}

#[test]
fn loopback_is_no_exception_unless_it_is_listed() {
    let proxy = ("ALL_PROXY", "p");
    for url in [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:1",
    ] {
        assert_eq!(way(&[proxy], url), "ALL_PROXY");
        let listed = [proxy, ("NO_PROXY", "localhost,127.0.0.0/8,::1")];
        assert_eq!(way(&listed, url), "direct", "{url}");
    }
}

#[test]
fn a_value_that_is_no_proxy_is_an_error_for_what_would_use_it() {
    let vars = [
        ("HTTPS_PROXY", "socks5://u:hunter2@p"),
        ("NO_PROXY", "direct.test"),
    ];
    let error = way(&vars, "https://a");
    assert_eq!(
        error,
        "HTTPS_PROXY cannot be used: SOCKS proxies are not supported, only HTTP ones"
    );
    assert_eq!(way(&vars, "https://direct.test"), "direct");
    assert_eq!(way(&vars, "http://a"), "direct");
    assert!(!format!("{:?}", rules(&vars)).contains("hunter2"));
}

#[test]
fn a_way_is_shown_without_the_password() {
    let rules = rules(&[("https_proxy", "http://u:hunter2@p:3128")]);
    let shown = |url| rules.route(url).unwrap().to_string();
    assert_eq!(
        shown("https://a"),
        "through proxy http://p:3128 (https_proxy)"
    );
    assert_eq!(shown("http://a"), "direct");
    assert!(!format!("{rules:?}").contains("hunter2"));
}

#[test]
fn what_is_no_url_has_no_way() {
    for url in ["", "a", "/x", "mailto:a", "http://"] {
        assert!(
            matches!(rules(&[]).route(url), Err(NetError::NoHost)),
            "{url}"
        );
    }
}
