//! Whose traces and metrics these are: the resource, as OpenTelemetry calls it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use crate::config::OtlpSettings;
use crate::id::WorkerId;

/// What is known of this process. Its name and id are those of the first worker in it,
/// unless the settings say otherwise.
#[derive(Debug)]
pub(super) struct Who {
    given: BTreeMap<String, String>,
    first: OnceLock<Resource>,
}

impl Who {
    pub(super) fn new(settings: &OtlpSettings) -> Self {
        let mut given = settings.resource_attributes.clone();
        if let Some(name) = &settings.service_name {
            given.insert("service.name".to_owned(), name.clone());
        }
        Self {
            given,
            first: OnceLock::new(),
        }
    }

    /// A worker of this process.
    pub(super) fn is(&self, kind: &str, id: &WorkerId) -> Resource {
        let resource = self.resource(&[
            ("service.name", kind),
            ("service.instance.id", id.as_str()),
            ("worker.type", kind),
        ]);
        let _ = self.first.set(resource.clone());
        resource
    }

    /// The process, for its spans.
    pub(super) fn process(&self) -> Resource {
        let first = self.first.get().cloned();
        first.unwrap_or_else(|| self.resource(&[("service.name", "unknown_service:axon-worker")]))
    }

    fn resource(&self, ours: &[(&'static str, &str)]) -> Resource {
        let version = env!("CARGO_PKG_VERSION");
        let fixed = [
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "axon-worker"),
            ("telemetry.sdk.version", version),
        ];
        let ours = ours.iter().chain(&fixed);
        let ours = ours.map(|(name, value)| KeyValue::new(*name, (*value).to_owned()));
        let given = self.given.iter();
        // The later one wins.
        let given = given.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        Resource::builder_empty()
            .with_attributes(ours.chain(given))
            .build()
    }
}
