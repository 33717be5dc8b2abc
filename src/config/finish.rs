//! From the draft to settings: the parts that depend on each other, and what is
//! odd about them.

use super::draft::Draft;
use super::orchestrators::Entry;
use super::problem::{Notes, Problem};
use super::settings::{DEFAULT_TOKEN, Gpu, Settings};
use super::{OrchestratorSettings, RxonVersion, Token};

/// Tokens that stand in documents of the reference worker, so that all know them.
const KNOWN_TOKENS: &[&str] = &[DEFAULT_TOKEN, "default-token"];

pub(super) fn finish(draft: Draft, notes: &mut Notes) -> Settings {
    let Draft {
        mut settings,
        worker_token,
        orchestrator_url,
        orchestrators,
        gpu_model,
        gpu_vram_gb,
        gpu_id,
        resource_attributes,
    } = draft;
    let token = worker_token.unwrap_or_else(|| Token::from(DEFAULT_TOKEN));
    if let Some(entries) = orchestrators {
        settings.orchestrators = sorted(entries, &token, settings.rxon.version);
    } else if orchestrator_url.is_none() && settings.distworker.controller_url.is_some() {
        settings.orchestrators = Vec::new();
    } else {
        let url = orchestrator_url.unwrap_or_else(|| settings.orchestrators[0].url.clone());
        settings.orchestrators = vec![OrchestratorSettings {
            rxon_version: settings.rxon.version,
            ..OrchestratorSettings::new(url, token)
        }];
    }
    if gpu_model.is_none() {
        let parts = [
            ("GPU_VRAM_GB", gpu_vram_gb.is_some()),
            ("GPU_ID", gpu_id.is_some()),
        ];
        for (name, _) in parts.into_iter().filter(|(_, is_set)| *is_set) {
            notes.warn(format!("{name} is ignored: GPU_MODEL is not set"));
        }
    }
    settings.resources.gpu = gpu_model.map(|model| Gpu {
        model,
        vram_gb: gpu_vram_gb.unwrap_or(0),
        id: gpu_id.unwrap_or_else(|| "0".to_owned()),
    });
    check_orchestrators(&settings, notes);
    check_tls(&settings, notes);
    check_storage(&settings, notes);
    check_delays(&settings, notes);
    super::distworker::check(&mut settings.distworker, notes);
    super::telemetry::check(&mut settings.otlp, resource_attributes.as_deref(), notes);
    settings
}

fn sorted(entries: Vec<Entry>, token: &Token, version: RxonVersion) -> Vec<OrchestratorSettings> {
    let mut list: Vec<_> = entries
        .into_iter()
        .map(|e| e.with_defaults(token, version))
        .collect();
    list.sort_by(|a, b| (a.priority, &a.url).cmp(&(b.priority, &b.url)));
    list
}

fn check_orchestrators(settings: &Settings, notes: &mut Notes) {
    for (i, orchestrator) in settings.orchestrators.iter().enumerate() {
        let url = &orchestrator.url;
        if KNOWN_TOKENS.contains(&orchestrator.token.expose()) {
            notes.warn(format!(
                "{url} gets a default token that everybody knows: set WORKER_TOKEN"
            ));
        }
        let earlier = &settings.orchestrators[..i];
        if earlier.iter().filter(|other| other.url == *url).count() == 1 {
            notes.warn(format!(
                "{url} is listed more than once in ORCHESTRATORS_CONFIG"
            ));
        }
    }
}

/// Half a client certificate is none, and the operator would not know.
fn check_tls(settings: &Settings, notes: &mut Notes) {
    let (place, needs) = match (&settings.tls_cert_path, &settings.tls_key_path) {
        (Some(_), None) => ("TLS_CERT_PATH", "TLS_KEY_PATH"),
        (None, Some(_)) => ("TLS_KEY_PATH", "TLS_CERT_PATH"),
        _ => return,
    };
    notes.problem(Problem::Incomplete {
        place: place.to_owned(),
        needs,
    });
}

fn check_storage(settings: &Settings, notes: &mut Notes) {
    let storage = &settings.storage;
    let (access, secret) = (storage.access_key.is_some(), storage.secret_key.is_some());
    if storage.endpoint_url.is_none() && (access || secret) {
        notes.warn("object storage is off: S3 keys are set, but S3_ENDPOINT_URL is not");
    } else if access != secret {
        notes.warn(
            "only one of S3_ACCESS_KEY and S3_SECRET_KEY is set: keys are looked for where AWS \
             programs look",
        );
    }
    if storage.endpoint_url.is_some() && storage.local_root.is_some() {
        notes.warn("AXON_STORAGE_DIR is ignored: S3_ENDPOINT_URL is set as well");
    }
    let is_off = storage.endpoint_url.is_none() && storage.local_root.is_none();
    if is_off && storage.blob_cache_dir.is_some() {
        notes.warn("WORKER_BLOB_CACHE_DIR is ignored: there is no object storage");
    }
}

fn check_delays(settings: &Settings, notes: &mut Notes) {
    let timing = &settings.timing;
    for (first, first_name, most, most_name) in [
        (
            timing.registration_retry_initial_delay,
            "REGISTRATION_RETRY_INITIAL_DELAY",
            timing.registration_retry_max_delay,
            "REGISTRATION_RETRY_MAX_DELAY",
        ),
        (
            timing.poll_backoff_initial,
            "POLL_BACKOFF_INITIAL",
            timing.poll_backoff_max,
            "POLL_BACKOFF_MAX",
        ),
    ] {
        if first > most {
            notes.warn(format!("{first_name} is more than {most_name}, which wins"));
        }
    }
}
