//! Collectors of OpenTelemetry, which a worker can do without.

use axon_worker::config::OtlpSettings;

use super::finding::{Notes, Opinion, Verdict};
use super::reach;

/// The collectors of a program that exports, as scheme, host and port; none is named twice.
pub(super) fn urls(settings: &OtlpSettings) -> Vec<String> {
    if !cfg!(feature = "otlp") {
        return Vec::new();
    }
    let urls = [settings.traces_url(), settings.metrics_url()];
    let mut urls: Vec<_> = urls.into_iter().flatten().map(|url| base(&url)).collect();
    urls.dedup();
    urls
}

/// Connects and sends nothing.
pub(super) async fn probe(notes: &Notes, url: &str) {
    let Some(route) = reach::route(notes, url) else {
        return;
    };
    notes.look("TCP");
    let opinion = reach::tcp(url, &route).await;
    notes.found(match opinion.verdict {
        // Tasks run all the same.
        Verdict::Fail => Opinion {
            verdict: Verdict::Warn,
            ..opinion
        },
        _ => opinion,
    });
}

/// Without path and query.
fn base(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            format!("{scheme}://{authority}")
        }
        None => url.to_owned(),
    }
}
