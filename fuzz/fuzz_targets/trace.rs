//! The trace headers that come with a task. Whatever they are, reading them ends, and
//! what was taken is written as headers that are taken again.
#![no_main]

use axon_worker::trace::TraceContext;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|headers: (&str, Option<&str>)| {
    let (parent, state) = headers;
    if let Ok(context) = TraceContext::parse(parent, state) {
        let written = (context.traceparent(), context.tracestate());
        assert_eq!(written.0.len(), 55);
        assert_eq!(TraceContext::parse(&written.0, written.1), Ok(context.clone()));
    }
});
