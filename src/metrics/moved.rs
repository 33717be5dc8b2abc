//! What was moved from and to the object storage, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;

use crate::storage::Transfers;

/// The counts of a worker's transfers.
#[derive(Debug)]
pub(super) struct Moved(pub(super) Transfers);

impl Collector for Moved {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.counts();
        for (name, help, count) in [
            (
                "axon_objects_fetched",
                "Objects from the storage",
                counts.fetched,
            ),
            (
                "axon_fetched_bytes",
                "Bytes from the storage",
                counts.fetched_bytes,
            ),
            (
                "axon_objects_stored",
                "Objects into the storage",
                counts.stored,
            ),
            (
                "axon_stored_bytes",
                "Bytes into the storage",
                counts.stored_bytes,
            ),
            (
                "axon_transfers_failed",
                "Transfers that failed or were called off",
                counts.failed,
            ),
            (
                "axon_transfer_retries",
                "Requests to the storage that were tried again",
                counts.retries,
            ),
            (
                "axon_cache_hits",
                "Objects out of the cache",
                counts.cache_hits,
            ),
            (
                "axon_cache_misses",
                "Objects that were not in the cache",
                counts.cache_misses,
            ),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
