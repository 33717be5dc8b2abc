//! Names and ports, before any protocol.

use axon_worker::transport::TransportError;
use tokio::net::{TcpStream, lookup_host};

use super::finding::{Notes, Opinion};

/// Connects to the host of an address; whether that worked.
pub(super) async fn connect(notes: &Notes, url: &str) -> bool {
    notes.look("TCP");
    let Some(target) = host_and_port(url) else {
        return notes.found(Opinion::fail(
            "the address has no host",
            "mend the address in the settings",
        ));
    };
    let addresses = match lookup_host(&target).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            return notes.found(
                Opinion::fail(
                    format!("{target} has no address: "),
                    "is the name right, and does the name service of this machine know it?",
                )
                .with(error),
            );
        }
    };
    match TcpStream::connect(&addresses[..]).await {
        Ok(stream) => {
            let at = stream.peer_addr().map(|at| at.to_string());
            notes.found(Opinion::ok(format!(
                "connected to {}",
                at.unwrap_or(target)
            )))
        }
        Err(error) => notes.found(
            Opinion::fail(
                format!("no connection to {target}: "),
                "is the address right, does it run, and does no firewall stand between?",
            )
            .with(error),
        ),
    }
}

/// `host:port`, as one connects to it.
fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.strip_prefix('[').map_or_else(
        || authority.split(':').next(),
        |rest| rest.split(']').next(),
    )?;
    if host.is_empty() {
        return None;
    }
    let has_port = authority.rsplit(']').next()?.contains(':');
    let port = match scheme.to_ascii_lowercase().as_str() {
        _ if has_port => return Some(authority.to_owned()),
        "https" | "wss" => 443,
        _ => 80,
    };
    Some(format!("{authority}:{port}"))
}

/// Whether an answer came that is one of the protocol, if a refusal.
pub(super) fn is_protocol(error: &TransportError) -> bool {
    matches!(error, TransportError::Unauthorized { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_found_in_addresses() {
        for (url, target) in [
            ("http://a", Some("a:80")),
            ("https://a/base", Some("a:443")),
            ("http://a:8080/", Some("a:8080")),
            ("ws://a?x=1:2", Some("a:80")),
            ("wss://[::1]", Some("[::1]:443")),
            ("http://[::1]:8080", Some("[::1]:8080")),
            ("http://", None),
            ("a", None),
        ] {
            assert_eq!(host_and_port(url).as_deref(), target, "{url}");
        }
    }
}
