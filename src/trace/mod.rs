//! Traces across programs: the headers of W3C Trace Context, in and out.
//!
//! Orchestrators hand out a task with the trace headers of whoever made the job. They
//! are input from outside and looked at as strictly as the recommendation says; what is
//! wrong counts as not there. The span of a task continues that trace, and whatever the
//! task sends on, events and progress among it, names the task's span as its parent.
//!
//! Without the feature `otlp`, or with no collector, nobody records spans here, and the
//! headers that came are passed on as they are, as the recommendation allows.
//!
//! ```
//! use axon_worker::trace::TraceContext;
//!
//! let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
//! let context = TraceContext::parse(header, Some("rojo=00f067aa0ba902b7"))?;
//! assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
//! assert!(context.is_sampled());
//! assert_eq!(context.traceparent(), header);
//! # Ok::<(), axon_worker::trace::InvalidTraceParent>(())
//! ```

mod span;
mod state;
mod w3c;

pub(crate) use span::{TaskSpan, ended};
pub use w3c::{InvalidTraceParent, TraceContext};

/// The name of the header that names the parent.
pub const TRACEPARENT: &str = "traceparent";

/// The name of the header with what tracing systems say among themselves.
pub const TRACESTATE: &str = "tracestate";
