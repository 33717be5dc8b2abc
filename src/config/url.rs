//! Base URLs, checked without ever repeating what may be a password.

use actix_http::Uri;
use actix_http::uri::Authority;

/// Checks a base URL and brings it into the form that is used everywhere: `http`
/// or `https`, no trailing slash.
///
/// Refused are a user or password in it (a token has a setting of its own, and a
/// URL is shown in logs), and a query or fragment, which a base cannot have.
pub(crate) fn base_url(text: &str, web_sockets_too: bool) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => "http",
        "https" => "https",
        "ws" if web_sockets_too => "http",
        "wss" if web_sockets_too => "https",
        _ => return None,
    };
    if rest.contains(['@', '?', '#', '\\']) {
        return None;
    }
    let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    (!authority.host().is_empty() && has_good_port(authority)).then_some(url)
}

/// The parser lets a port pass that is no port.
pub(crate) fn has_good_port(authority: &Authority) -> bool {
    let text = authority.as_str();
    let after_user = text.rsplit('@').next().unwrap_or(text);
    let after_host = after_user.strip_prefix(authority.host());
    after_host.is_some_and(|rest| match rest.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok(),
        None => rest.is_empty(),
    })
}

/// Checks the URL of a `DistWorker` controller. It is kept as it is: a path says
/// different things in `http://` and in `ws://`, and a query is sent along.
pub(super) fn controller_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?']).next()?;
    // The parser lets no control character and no space pass.
    let is_uri = || format!("http://{rest}").parse::<Uri>().is_ok();
    let is_fine = matches!(scheme.as_str(), "http" | "https" | "ws" | "wss")
        && !rest.contains(['@', '#', '\\'])
        && is_uri()
        && base_url(&format!("http://{authority}"), false).is_some();
    is_fine.then(|| format!("{scheme}://{rest}"))
}

/// How a refused URL may be shown.
pub(crate) fn shown(text: &str) -> String {
    if text.contains(['@', '?', '#', '\\']) {
        "a text that is not shown, as it may hold a secret".to_owned()
    } else {
        super::read::quoted(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_brought_into_one_form() {
        for (text, url) in [
            ("http://a", "http://a"),
            ("http://a/", "http://a"),
            ("HTTPS://A:8443/base//", "https://A:8443/base"),
            ("ws://a:80", "http://a:80"),
            ("wss://a/x", "https://a/x"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(base_url(text, true).as_deref(), Some(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "a",
            "//a",
            "http://",
            "http:///x",
            "ftp://a",
            "http://a b",
            "http://u:p@a",
            "http://u@a",
            "http://a?x=1",
            "http://a#x",
            "http://a\\b",
            "http://:80",
            "http://a:",
            "http://a:x",
            "http://a:70000",
            "http://a\n",
            "unix:///run/x",
            "http:a",
        ] {
            assert_eq!(base_url(text, true), None, "{text:?}");
        }
        assert_eq!(base_url("ws://a", false), None);
    }

    #[test]
    fn the_url_of_a_controller_keeps_path_and_query() {
        for (text, url) in [
            ("http://a:8081", "http://a:8081"),
            ("HTTPS://A/base/?zone=a", "https://A/base/?zone=a"),
            ("ws://localhost:8080/ws", "ws://localhost:8080/ws"),
        ] {
            assert_eq!(controller_url(text).as_deref(), Some(url), "{text}");
        }
        for text in [
            "",
            "a:8081",
            "ftp://a",
            "http://",
            "http:///x",
            "http://u:p@a",
            "ws://a:b/",
            "ws://a/b\r\nx: y",
            "ws://a/b c",
            "http://a/?x=\n",
            "http://a:99999/x",
        ] {
            assert_eq!(controller_url(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_may_hold_a_password_is_not_shown() {
        assert!(!shown("user:hunter2@a").contains("hunter2"));
        assert!(!shown("ftp://a?sig=hunter2").contains("hunter2"));
        assert_eq!(shown("ftp://a"), "\"ftp://a\"");
    }
}
