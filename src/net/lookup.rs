//! Name lookups. Each host has at most one at a time, which outlives the attempts that wait
//! for it.
//!
//! Where the first of two name servers is silent, glibc asks the second one after 5 s, for
//! every kind of record. A lookup that began anew with each attempt would never get there;
//! the next attempt joins the one that runs, and finds its answer even if it came between
//! two attempts.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

use super::error::NetError;

/// How long an attempt waits for a lookup.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// An answer that nobody came for is used until the lookup is this old.
const FRESH: Duration = Duration::from_mins(1);

/// Looks names up. A seam for tests.
pub(super) trait Resolve: Send + Sync {
    /// Returns the addresses of a host, with any port, in the order of preference.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// `getaddrinfo`, on a thread of the runtime for blocking calls. It cannot be interrupted;
/// the system's own limits end it.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

type Answer = Result<Vec<SocketAddr>, String>;
type Lookup = Shared<BoxFuture<'static, Answer>>;

/// The lookups that run, by host.
pub(super) struct Lookups {
    resolver: Arc<dyn Resolve>,
    running: Mutex<HashMap<String, Running>>,
}

struct Running {
    lookup: Lookup,
    since: Instant,
}

impl Running {
    /// Whether an answer came that nobody took in time. One that still runs is not stale,
    /// however long it takes: a second one would not be faster.
    fn is_stale(&self) -> bool {
        self.since.elapsed() > FRESH && self.lookup.clone().now_or_never().is_some()
    }
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            resolver,
            running: Mutex::default(),
        }
    }

    /// Returns the addresses of a host, which may be an address itself. Joins the lookup of
    /// the same host that runs, if there is one. Cancel-safe: the lookup goes on.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<SocketAddr>, NetError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, 0)]);
        }

        let lookup = self.join(host);
        let Ok(answer) = timeout(LIMIT, lookup.clone()).await else {
            return Err(NetError::SlowLookup {
                host: host.to_owned(),
                limit: LIMIT,
            });
        };
        self.forget(host, &lookup);

        answer.map_err(|reason| NetError::Lookup {
            host: host.to_owned(),
            reason,
        })
    }

    /// The lookup of this host that runs, or a new one.
    fn join(&self, host: &str) -> Lookup {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, lookup| !lookup.is_stale());
        if let Some(running) = running.get(host) {
            return running.lookup.clone();
        }

        let resolving = self.resolver.resolve(host.to_owned());
        let lookup = resolving
            .map(|answer| answer.map_err(|error| error.to_string()))
            .boxed()
            .shared();
        let begun = Running {
            lookup: lookup.clone(),
            since: Instant::now(),
        };
        running.insert(host.to_owned(), begun);
        lookup
    }

    /// Lets the next attempt begin a lookup of its own, unless another already has.
    fn forget(&self, host: &str, answered: &Lookup) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = running.get(host)
            && current.lookup.ptr_eq(answered)
        {
            running.remove(host);
        }
    }
}
