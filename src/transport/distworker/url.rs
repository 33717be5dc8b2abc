//! Where the WebSocket of a controller is, given what an operator knows of it.

/// The path of the WebSocket below the base of a controller.
const SOCKET_PATH: &str = "/worker/v1/ws";

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControllerUrl {
    is_secure: bool,
    /// Host and port, and user and password if there are.
    authority: String,
    /// The path below which everything of the controller is; no trailing slash.
    base: String,
    /// The whole path of the WebSocket.
    socket: String,
    /// With the question mark; empty without a query.
    query: String,
}

impl ControllerUrl {
    /// Takes `http` and `https`, to whose path [`SOCKET_PATH`] is added as the SDK
    /// does (0.0.6), and `ws` and `wss`, whose path is that of the WebSocket if they
    /// have one, as the SDK's document has it.
    ///
    /// # Errors
    /// What is wrong, without the address: it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("the scheme is missing, for example http://")?;
        let (is_socket, is_secure) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, false),
            "https" => (false, true),
            "ws" => (true, false),
            "wss" => (true, true),
            _ => return Err("it has to begin with http://, https://, ws:// or wss://"),
        };
        // It goes into the line of a request as it is.
        if rest.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("it has white space or control characters in it");
        }
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = match rest.find('?') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if host.is_empty() || host.starts_with(':') {
            return Err("the host is missing");
        }
        // Parameters of the last segment stay at the end.
        let last = path.rfind('/').unwrap_or(0);
        let (path, parameters) = match path[last..].find(';') {
            Some(at) => path.split_at(last + at),
            None => (path, ""),
        };
        let trimmed = path.trim_end_matches('/');
        let (base, socket) = if is_socket && !trimmed.is_empty() {
            let base = trimmed.strip_suffix(SOCKET_PATH).unwrap_or("");
            (base.to_owned(), format!("{path}{parameters}"))
        } else if trimmed.ends_with(SOCKET_PATH) {
            return Err("it is the address of the WebSocket already; write ws:// for http://");
        } else {
            let socket = format!("{trimmed}{SOCKET_PATH}{parameters}");
            (trimmed.to_owned(), socket)
        };
        Ok(Self {
            is_secure,
            authority: authority.to_owned(),
            base,
            socket,
            query: query.to_owned(),
        })
    }

    /// `http://host:port`, which everything below is relative to.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// Path and query of the WebSocket.
    pub(crate) fn socket_path(&self) -> String {
        format!("{}{}", self.socket, self.query)
    }

    /// Path of a file.
    pub(crate) fn file_path(&self, file_id: &str) -> String {
        format!("{}/worker/v1/file/{file_id}", self.base)
    }

    /// Whether it holds a user name or password.
    pub(crate) fn has_user(&self) -> bool {
        self.authority.contains('@')
    }

    #[cfg(test)]
    fn socket_url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority, self.socket_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_socket_is_where_the_vectors_say() {
        let text = include_str!("../../../tests/vectors/distworker/url_derivation.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 19);
        for case in cases {
            let url = case["controller_url"].as_str().unwrap();
            let expected = case.get("advice").unwrap_or(&case["sdk"]).as_str();
            let derived = ControllerUrl::parse(url).map(|url| url.socket_url()).ok();
            assert_eq!(derived.as_deref(), expected, "{url:?}");
        }
    }

    #[test]
    fn files_are_beside_the_socket() {
        for (url, path) in [
            ("http://a:1", "/worker/v1/file/x"),
            ("https://a/base/", "/base/worker/v1/file/x"),
            ("ws://a/base/worker/v1/ws", "/base/worker/v1/file/x"),
            ("ws://localhost:8080/ws", "/worker/v1/file/x"),
        ] {
            assert_eq!(ControllerUrl::parse(url).unwrap().file_path("x"), path);
        }
    }
}
