//! Traces and metrics to an OpenTelemetry collector, by OTLP over HTTP (feature `otlp`).
//!
//! [`logging::init`](crate::logging::init) sets it up when the environment names a
//! collector (`OTEL_EXPORTER_OTLP_ENDPOINT`); programs with a subscriber of their own add
//! [`layer`] to it. From then on
//!
//! - each task is a span, a child of the trace that came with it;
//! - the metrics of each worker in this process, the very ones of `/metrics`, go out every
//!   `OTEL_METRIC_EXPORT_INTERVAL`;
//! - what is left goes out when a worker ends, see [`flush`].
//!
//! A collector that is slow, wrong or not there costs nothing but what it would have got:
//! queues are bounded, exports run on a thread of their own, and each outage is one warning.

mod metrics;
mod sender;
mod spans;
mod text;
mod thread;
mod who;

use std::sync::{Arc, OnceLock};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{self, OtlpSettings, Settings};
use crate::error::{Error, Result};
use crate::logging::BoxedLayer;
use crate::worker::WorkerHandle;
use thread::Desk;
use who::Who;

/// The export of this process: there is one or none.
static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    desk: Desk,
    who: Arc<Who>,
}

/// Begins to export, and returns the layer that records spans. `None`: the settings name
/// no collector for traces, or this process exports already.
///
/// ```no_run
/// use axon_worker::config::Settings;
/// use axon_worker::otlp;
/// use tracing_subscriber::{Registry, layer::SubscriberExt, util::SubscriberInitExt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::load()?.settings;
/// Registry::default().with(otlp::layer(&settings.otlp)?).init();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Thread`] when the system gives no thread.
pub fn layer<S>(settings: &OtlpSettings) -> Result<Option<BoxedLayer<S>>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let is_on = settings.traces_url().is_some() || settings.metrics_url().is_some();
    if !is_on || EXPORT.get().is_some() {
        return Ok(None);
    }
    let who = Arc::new(Who::new(settings));
    let (desk, exporter) = thread::start(settings, &who).map_err(Error::Thread)?;
    let provider = exporter.map(|exporter| {
        SdkTracerProvider::builder()
            .with_sampler(sampler(settings))
            .with_batch_exporter(exporter)
            .build()
    });
    desk.give(provider.clone());
    if EXPORT.set(Export { desk, who }).is_err() {
        return Ok(None);
    }
    Ok(provider.map(|provider| {
        let tracer = provider.tracer("axon-worker");
        // A handler that logs an error may succeed all the same: outcomes set the status.
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_error_events_to_status(false)
            .with_filter(LevelFilter::INFO)
            .boxed()
    }))
}

fn sampler(settings: &OtlpSettings) -> Sampler {
    let ratio = || Sampler::TraceIdRatioBased(settings.sampler_ratio.min(1.0));
    match settings.sampler {
        config::Sampler::AlwaysOn => Sampler::AlwaysOn,
        config::Sampler::AlwaysOff => Sampler::AlwaysOff,
        config::Sampler::Ratio => ratio(),
        config::Sampler::ParentOrAlwaysOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        config::Sampler::ParentOrAlwaysOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        config::Sampler::ParentOrRatio => Sampler::ParentBased(Box::new(ratio())),
    }
}

/// Sends what has not been sent yet, for at most five seconds. Done by itself when a
/// worker ends ([`Worker::run`](crate::Worker::run), [`WorkerHandle::wait`] and
/// [`WorkerHandle::shutdown`]); meant for programs that go on for a while after that.
/// Does nothing when nothing is exported. Works in any runtime. Cancel-safe.
pub async fn flush() {
    if let Some(export) = EXPORT.get() {
        export.desk.flush().await;
    }
}

/// A worker has begun: its metrics are exported until it ends.
pub(crate) fn watch(worker: WorkerHandle, settings: &Settings) {
    if let Some(export) = EXPORT.get() {
        let resource = export.who.is(&settings.worker_type, &settings.worker_id);
        export.desk.watch(worker, resource);
    }
}
