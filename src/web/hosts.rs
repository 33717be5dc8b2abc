//! By which names the worker's own port may be asked.
//!
//! A page of a stranger can have its own name lead to an address of this network, and then
//! read answers as if they were its own (DNS rebinding). The browser still tells that name in
//! the header `Host`. So only names are answered that no stranger can own: addresses, names
//! without a dot, names in domains that are not given to anybody, the name of this machine,
//! and those that the settings list.

use std::net::IpAddr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use serde_json::json;

/// Domains of local networks and of clusters, in which names cannot be bought.
const LOCAL_DOMAINS: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "svc"];

/// These tell nothing, and whoever probes them may use any name.
const OPEN_PATHS: [&str; 2] = ["/health", "/ready"];

/// The names of the settings and of the machine, in lower case.
#[derive(Debug, Clone)]
pub(super) struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    pub(super) fn new(listed: &[String], machine: &str) -> Self {
        let machine = std::iter::once(machine.to_lowercase());
        Self(listed.iter().cloned().chain(machine).collect())
    }

    /// Returns whether a request with this `Host` is answered.
    fn allow(&self, host: &str) -> bool {
        let name = name_of(host.trim()).to_lowercase();
        let name = name.trim_end_matches('.');
        let is_local = || {
            let below = |domain: &str| {
                let rest = name.strip_suffix(domain);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            !name.contains('.') || LOCAL_DOMAINS.into_iter().any(below)
        };
        let is_listed = |listed: &String| match listed.strip_prefix('*') {
            Some(domain) => name.ends_with(domain),
            None => name == listed,
        };
        name.parse::<IpAddr>().is_ok() || is_local() || self.0.iter().any(is_listed)
    }
}

/// Without the port, and without the brackets of an IPv6 address.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

/// Refuses requests by names that are not allowed. One without a name is no browser's.
pub(super) async fn check<B: MessageBody>(
    hosts: web::Data<AllowedHosts>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let host = request.headers().get(HOST);
    let host = host.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_open = OPEN_PATHS.contains(&request.path());
    match host {
        Some(host) if !is_open && !hosts.allow(&host) => {
            let error = "the worker is not asked by this name: see AXON_ALLOWED_HOSTS";
            let refusal = HttpResponse::MisdirectedRequest().json(json!({ "error": error }));
            Ok(request.into_response(refusal).map_into_right_body())
        }
        _ => Ok(next.call(request).await?.map_into_left_body()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(listed: &[&str], host: &str) -> bool {
        let listed: Vec<_> = listed.iter().map(|it| (*it).to_owned()).collect();
        AllowedHosts::new(&listed, "Box7.example.org").allow(host)
    }

    #[test]
    fn names_that_no_stranger_can_own_are_allowed() {
        for host in [
            "127.0.0.1:8083",
            "10.1.2.3",
            "[::1]:8083",
            "[fd00::1]",
            "localhost:8083",
            "LOCALHOST.",
            "worker",
            "worker:80",
            "worker.team.svc:8083",
            "worker.team.svc.cluster.local",
            "box7.example.org:8083",
        ] {
            assert!(allow(&[], host), "{host}");
        }
    }

    #[test]
    fn names_that_a_stranger_may_own_are_not_unless_they_are_listed() {
        for host in [
            "evil.example:8083",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "notlocal.",
            "evillocal.xlocal",
            "x.mylocal",
            "other.example.org",
        ] {
            let allowed = host == "notlocal.";
            assert_eq!(allow(&[], host), allowed, "{host}");
            assert!(allow(&["*"], host), "{host}");
        }
        let listed = ["metrics.example.com", "*.example.net"];
        assert!(allow(&listed, "metrics.example.com:8083"));
        assert!(allow(&listed, "a.b.example.net"));
        assert!(!allow(&listed, "xexample.net"));
        assert!(!allow(&listed, "example.com"));
    }
}
