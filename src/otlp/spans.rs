//! Spans on their way to the collector.

use std::sync::Arc;

use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use tokio::runtime::Handle;

use super::sender::Sender;
use super::who::Who;

/// Called by the SDK, on its thread, with what it has gathered.
#[derive(Debug)]
pub(super) struct Spans {
    pub(super) sender: Arc<Sender>,
    pub(super) who: Arc<Who>,
    /// Of the thread that sends.
    pub(super) runtime: Handle,
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.into_iter().map(named).collect();
        let resource = &self.who.process();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(spans, &resource.into()),
        };
        let (sender, body) = (self.sender.clone(), request.encode_to_vec());
        // The thread of the SDK has no runtime.
        let sent = self.runtime.spawn(async move { sender.send(body).await });
        match sent.await {
            Ok(true) => Ok(()),
            _ => Err(OTelSdkError::InternalFailure("not exported".to_owned())),
        }
    }
}

/// The span of a task as other workers of these orchestrators name it. Done here, away
/// from the tasks.
fn named(mut span: SpanData) -> SpanData {
    if span.name != "task" {
        return span;
    }
    span.span_kind = SpanKind::Consumer;
    // It is the trace's own.
    span.attributes.retain(|it| it.key.as_str() != "trace_id");
    for attribute in &mut span.attributes {
        let name = match attribute.key.as_str() {
            "task_id" => "task.id",
            "job_id" => "job.id",
            "kind" => {
                span.name = format!("task.{}", attribute.value.as_str()).into();
                "task.type"
            }
            _ => continue,
        };
        attribute.key = name.into();
    }
    span
}
