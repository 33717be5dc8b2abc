//! The span of a task, from its arrival to its end: what its log lines have in common,
//! and what a trace shows of it.

use tracing::{Span, error_span, field};

use super::TraceContext;
use crate::task::{Outcome, Task};

/// The span of a task, and the place in a trace that came with the task.
#[derive(Debug, Clone)]
pub(crate) struct TaskSpan {
    span: Span,
    came: Option<TraceContext>,
}

impl TaskSpan {
    /// Opens it. Costs next to nothing when nobody listens.
    pub(crate) fn open(task: &Task, orchestrator: &str) -> Self {
        let came = TraceContext::find(&task.tracing_context);
        // At the level of errors, so that every line of a task tells whose it is, however
        // little is logged.
        let span = error_span!(
            "task",
            task_id = %task.id,
            job_id = %task.job_id,
            kind = %task.name,
            orchestrator,
            trace_id = field::Empty,
        );
        let opened = Self { span, came };
        if !opened.span.is_disabled() {
            #[cfg(feature = "otlp")]
            otel::begin(&opened.span, opened.came.as_ref());
            if let Some(here) = opened.here() {
                opened.span.record("trace_id", here.trace_id());
            }
        }
        opened
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// What whoever is called from here is told: the innermost span that is recorded,
    /// else that of the task, else what came with the task.
    pub(crate) fn here(&self) -> Option<TraceContext> {
        #[cfg(feature = "otlp")]
        if let Some(here) = otel::place(&Span::current()).or_else(|| otel::place(&self.span)) {
            return Some(here);
        }
        self.came.clone()
    }
}

/// Tells a span how its task ended.
pub(crate) fn ended(span: &Span, outcome: &Outcome) {
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        otel::end(span, outcome);
    }
    #[cfg(not(feature = "otlp"))]
    let _ = (span, outcome);
}

/// The same for those who record spans, if anybody does.
#[cfg(feature = "otlp")]
mod otel {
    use opentelemetry::trace::{
        SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    use crate::task::Outcome;
    use crate::trace::TraceContext;

    /// Makes what came with a task the parent of its span.
    pub(super) fn begin(span: &Span, came: Option<&TraceContext>) {
        let Some(came) = came else { return };
        let (trace, parent) = came.ids();
        let flags = if came.is_sampled() {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::default()
        };
        let state = came
            .tracestate()
            .and_then(|text| text.parse::<TraceState>().ok());
        let (trace, parent) = (TraceId::from(trace), SpanId::from(parent));
        let parent = SpanContext::new(trace, parent, flags, true, state.unwrap_or_default());
        // Nobody records spans: then there is no parent to set.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }

    /// Where in a trace a span is, if it is recorded.
    pub(super) fn place(span: &Span) -> Option<TraceContext> {
        if span.is_disabled() {
            return None;
        }
        let context = span.context();
        let span = context.span();
        let it = span.span_context();
        let (trace, parent) = (it.trace_id().to_bytes(), it.span_id().to_bytes());
        let (trace, parent) = (u128::from_be_bytes(trace), u64::from_be_bytes(parent));
        TraceContext::new(trace, parent, it.is_sampled(), &it.trace_state().header())
    }

    /// Says how it went, and ends it here: whoever keeps the task's context longer must
    /// not keep the span from being exported.
    pub(super) fn end(span: &Span, outcome: &Outcome) {
        span.set_attribute("task.status", outcome.status().to_owned());
        if let Outcome::Failed(error) = outcome {
            span.set_attribute("error.type", error.code().as_str().to_owned());
            span.set_status(Status::error(error.message().to_owned()));
        }
        if let Outcome::Interrupted(why) = outcome {
            span.set_attribute("error.type", "interrupted");
            span.set_status(Status::error(why.message()));
        }
        span.context().span().end();
    }
}
