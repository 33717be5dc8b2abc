//! What became of the log of this process, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;

/// Lines that could not be written.
#[derive(Debug)]
pub(super) struct LostLines;

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new(crate::logging::lost_lines());
        let metric = encoder.encode_descriptor(
            "axon_log_lines_lost",
            "Lines of the log that were dropped because its output took none",
            None,
            counter.metric_type(),
        )?;
        counter.encode(metric)
    }
}
