//! A proxy between worker and orchestrator that spoils HTTP exchanges on purpose,
//! and keeps account of what it did: by script, or at a rate drawn from a seed.
//!
//! It runs on a thread of its own, so nothing that a test does holds it up. The seed
//! fixes the faults by the order of requests; which request comes when is up to the
//! processes.

#![allow(dead_code, reason = "each test program uses a part")]

mod connection;
mod fault;
mod ledger;
mod message;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

pub(crate) use fault::{Fault, Kind};
pub(crate) use ledger::Ledger;

use fault::Plan;

/// What the connections share.
struct Shared {
    upstream: SocketAddr,
    seed: u64,
    plan: Mutex<Plan>,
    ledger: Mutex<Ledger>,
    changed: Notify,
    reset_idle: Notify,
    cut: Notify,
}

impl Shared {
    fn decide(&self, kind: Kind) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.decide(kind)
    }

    fn note<R>(&self, note: impl FnOnce(&mut Ledger) -> R) -> R {
        let noted = note(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        noted
    }
}

/// A running proxy; ends with its connections when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy in front of `127.0.0.1:port` that does nothing bad yet.
    pub(crate) fn start(port: u16, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            upstream: (Ipv4Addr::LOCALHOST, port).into(),
            seed,
            plan: Mutex::new(Plan::new(seed)),
            ledger: Mutex::default(),
            changed: Notify::new(),
            reset_idle: Notify::new(),
            cut: Notify::new(),
        });
        let door = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        door.set_nonblocking(true).expect("a socket like others");
        let address = door.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(door, of_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            shared,
            _stop: stop,
        }
    }

    /// Where workers come to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Spoils the next exchanges of a kind, after those that were asked for before.
    pub(crate) fn next(&self, kind: Kind, fault: Fault, times: usize) {
        let mut plan = self.shared.plan.lock().expect("no panic");
        plan.script(kind, fault, times);
    }

    /// Spoils this share of all exchanges from now on, with faults by weight.
    pub(crate) fn storm(&self, rate: f64, mix: &[(Fault, u32)]) {
        let mut plan = self.shared.plan.lock().expect("no panic");
        plan.storm(rate, mix);
    }

    /// Spoils nothing from now on.
    pub(crate) fn calm(&self) {
        self.shared.plan.lock().expect("no panic").calm();
    }

    /// Resets every connection that waits for its next request.
    pub(crate) fn reset_idle(&self) {
        self.shared.reset_idle.notify_waiters();
    }

    /// Closes every connection that waits for an answer.
    pub(crate) fn cut(&self) {
        self.shared.cut.notify_waiters();
    }

    /// Looks at the account.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        look(&self.shared.ledger.lock().expect("no panic"))
    }

    /// Waits until the account is as wanted.
    pub(crate) async fn until(&self, what: &str, is_wanted: impl Fn(&Ledger) -> bool) {
        const LIMIT: Duration = Duration::from_secs(30);
        let end = Instant::now() + LIMIT;
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            if self.look(&is_wanted) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            let seen = tokio::time::timeout(left, changed).await;
            assert!(
                seen.is_ok(),
                "not within {LIMIT:?}: {what}; {:#?}",
                self.look(Ledger::counts)
            );
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let counts = self.look(Ledger::counts);
            eprintln!("--- the proxy, seed {}: {counts:#?}", self.shared.seed);
        }
    }
}

async fn accept(door: std::net::TcpListener, shared: Arc<Shared>) {
    let door = TcpListener::from_std(door).expect("a socket that does not block");
    loop {
        // A client that is gone before it was let in is no concern of ours.
        if let Ok((client, _)) = door.accept().await {
            tokio::spawn(connection::serve(Arc::clone(&shared), client));
        }
    }
}
