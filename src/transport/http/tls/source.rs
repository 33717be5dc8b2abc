//! The TLS configuration of new connections, which follows its files: certificates
//! run out and are replaced while a worker runs.
//!
//! Nothing watches the files. Before a connection is opened they are looked at, on
//! another thread, since file systems can be slow.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use tracing::{info, warn};

use super::TlsFiles;
use super::config::Material;
use crate::transport::http::SetupError;

/// How long a look at the files may keep a connection waiting.
const LOOK: Duration = Duration::from_secs(1);

/// A file younger than this is read again, whatever its stamp says: it may still be
/// written to, and times of files are coarse.
const SETTLED: Duration = Duration::from_secs(2);

/// Where new connections get their configuration.
pub(in crate::transport::http) struct TlsSource {
    files: TlsFiles,
    state: Mutex<State>,
    is_looking: AtomicBool,
}

struct State {
    config: Arc<ClientConfig>,
    /// Which files it was made from.
    fingerprint: u64,
    /// How the files looked when they were read last; `None`: read them again.
    seen: Option<Stamps>,
    /// What was said of files that cannot be used, so that it is said once.
    complaint: Option<String>,
}

type Stamps = Vec<Option<(SystemTime, u64)>>;

impl TlsSource {
    pub(in crate::transport::http) fn load(files: &TlsFiles) -> Result<Self, SetupError> {
        let seen = stamps(files);
        let material = Material::read(files)?;
        Ok(Self {
            files: files.clone(),
            state: Mutex::new(State {
                config: material.config()?,
                fingerprint: material.fingerprint(),
                seen: settled(seen),
                complaint: None,
            }),
            is_looking: AtomicBool::new(false),
        })
    }

    /// Whether we have a certificate to show.
    pub(in crate::transport::http) fn has_identity(&self) -> bool {
        self.files.cert.is_some()
    }

    /// The configuration for a connection that is opened now.
    pub(in crate::transport::http) async fn current(self: &Arc<Self>) -> Arc<ClientConfig> {
        // One look at a time: should the files hang, then one thread with them.
        if !self.files.is_empty() && !self.is_looking.swap(true, Ordering::AcqRel) {
            let turn = Turn(Arc::clone(self));
            let looking = tokio::task::spawn_blocking(move || turn.0.look());
            if tokio::time::timeout(LOOK, looking).await.is_err() {
                warn!("the TLS files take long to read; those read before stay in use");
            }
        }
        Arc::clone(&self.state().config)
    }

    fn look(&self) {
        let now = stamps(&self.files);
        if self.state().seen.as_ref() == Some(&now) {
            return;
        }
        let read = Material::read(&self.files).and_then(|material| {
            let fingerprint = material.fingerprint();
            if fingerprint == self.state().fingerprint {
                return Ok(None);
            }
            Ok(Some((material.config()?, fingerprint)))
        });
        let mut state = self.state();
        state.seen = settled(now);
        match read {
            Ok(None) => state.complaint = None,
            Ok(Some((config, fingerprint))) => {
                state.config = config;
                state.fingerprint = fingerprint;
                state.complaint = None;
                info!("the TLS files have changed; new connections use them");
            }
            Err(error) => {
                let text = error.to_string();
                if state.complaint.as_ref() != Some(&text) {
                    warn!("{text}; the TLS files read before stay in use");
                    state.complaint = Some(text);
                }
            }
        }
    }

    /// Nothing panics with it locked, and it is never half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one look that is under way.
struct Turn(Arc<TlsSource>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_looking.store(false, Ordering::Release);
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    let of = |path: &Option<PathBuf>| {
        let data = std::fs::metadata(path.as_ref()?).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    [&files.ca, &files.cert, &files.key].map(of).into()
}

/// The stamps, if files that look the same later are the same.
fn settled(stamps: Stamps) -> Option<Stamps> {
    let now = SystemTime::now();
    let is_old = |(modified, _): &(SystemTime, u64)| {
        let age = now.duration_since(*modified);
        age.is_ok_and(|age| age >= SETTLED)
    };
    stamps.iter().flatten().all(is_old).then_some(stamps)
}
