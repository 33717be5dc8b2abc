//! Names and ports, before any protocol.

use axon_worker::transport::{self, NetError, ProxyRoute, ProxyRules, TransportError};

use super::finding::{Notes, Opinion};

/// Notes whether the host of an address is reached directly or through a proxy. `None`: the
/// environment names something that cannot be used as one.
pub(super) fn route(notes: &Notes, url: &str) -> Option<ProxyRoute> {
    notes.look("route");
    match ProxyRules::from_env().route(url) {
        Ok(route) => {
            notes.found(Opinion::ok(route.to_string()));
            Some(route)
        }
        Err(error) => {
            notes.found(unreachable(&error));
            None
        }
    }
}

/// Connects to the host of an address, as a worker does; whether that worked.
pub(super) async fn connect(notes: &Notes, url: &str) -> bool {
    match route(notes, url) {
        Some(route) => notes.note("TCP", tcp(url, &route).await),
        None => false,
    }
}

/// What came of a connection.
pub(super) async fn tcp(url: &str, route: &ProxyRoute) -> Opinion {
    match (transport::reach(url).await, route) {
        (Ok(at), ProxyRoute::Direct) => Opinion::ok(format!("connected to {at}")),
        (Ok(at), _) => Opinion::ok(format!("the proxy at {at} opened a tunnel")),
        (Err(error), _) => unreachable(&error),
    }
}

fn unreachable(error: &NetError) -> Opinion {
    let hint = match error {
        NetError::NoHost => "mend the address in the settings",
        NetError::Lookup { .. } | NetError::SlowLookup { .. } => {
            "is the name right, and does the name service of this machine know it?"
        }
        NetError::BadProxy { .. } => {
            "set it to http://host:port, or name the host in NO_PROXY to do without"
        }
        NetError::Proxy { .. } | NetError::Refused { .. } | NetError::NoTunnel { .. } => {
            "is this the right proxy, and may it connect there? NO_PROXY names hosts without one"
        }
        _ => "is the address right, does it run, and does no firewall stand between?",
    };
    // Its words are ours, and those of the system.
    Opinion::fail(error.to_string(), hint)
}

/// Whether an answer came that is one of the protocol, if a refusal.
pub(super) fn is_protocol(error: &TransportError) -> bool {
    matches!(error, TransportError::Unauthorized { .. })
}
