//! The TLS configuration, which follows its files: certificates run out and are replaced
//! while a worker runs.
//!
//! Nothing watches the files. Before a request is sent they are read, on another thread,
//! since file systems can be slow.

use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tracing::{info, warn};

use super::TlsFiles;
use super::config::Material;
use crate::transport::http::SetupError;

/// How long reading the files may keep a request waiting.
const LOOK: Duration = Duration::from_secs(1);

/// A configuration that was made from the files. It is equal to its clones only.
#[derive(Debug, Clone)]
pub(in super::super) struct TlsConfig(Arc<ClientConfig>);

impl TlsConfig {
    pub(in super::super) fn rustls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Where clients get their configuration.
pub(in super::super) struct TlsSource {
    files: TlsFiles,
    /// Of the server, if it has no name.
    address: Option<Ipv6Addr>,
    state: Mutex<State>,
    is_looking: AtomicBool,
}

struct State {
    config: TlsConfig,
    /// What it was made from.
    material: Material,
    /// What was said of files that cannot be used, so that it is said once.
    complaint: Option<String>,
}

impl TlsSource {
    /// Reads the files, for a server with this name or address.
    pub(in super::super) fn load(files: &TlsFiles, host: &str) -> Result<Self, SetupError> {
        let address = host.parse().ok();
        let material = Material::read(files)?;
        Ok(Self {
            files: files.clone(),
            address,
            state: Mutex::new(State {
                config: TlsConfig(material.config(address)?),
                material,
                complaint: None,
            }),
            is_looking: AtomicBool::new(false),
        })
    }

    /// Returns the configuration as it was made last.
    pub(in super::super) fn loaded(&self) -> TlsConfig {
        self.state().config.clone()
    }

    /// Returns the configuration for a request that is sent now.
    pub(in super::super) async fn current(self: &Arc<Self>) -> TlsConfig {
        // One look at a time: should the files hang, then one thread with them.
        if !self.files.is_empty() && !self.is_looking.swap(true, Ordering::AcqRel) {
            let turn = Turn(Arc::clone(self));
            let looking = tokio::task::spawn_blocking(move || turn.0.look());
            if tokio::time::timeout(LOOK, looking).await.is_err() {
                warn!("the TLS files take long to read; those read before stay in use");
            }
        }
        self.loaded()
    }

    fn look(&self) {
        let made = Material::read(&self.files).and_then(|material| {
            if material == self.state().material {
                return Ok(None);
            }
            let config = TlsConfig(material.config(self.address)?);
            Ok(Some((material, config)))
        });

        let mut state = self.state();
        match made {
            Ok(None) => state.complaint = None,
            Ok(Some((material, config))) => {
                *state = State {
                    config,
                    material,
                    complaint: None,
                };
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
