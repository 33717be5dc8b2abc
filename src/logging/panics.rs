//! Panics as events of the log: with the fields of the task, in the form of the log, and
//! without a write to standard error, which may block.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;
use std::sync::Once;
use std::thread;

use tracing::{Level, enabled, error, field};

static ONCE: Once = Once::new();

/// Has panics logged from now on. Where the log takes no errors they are told as before.
pub(super) fn log_them() {
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !enabled!(Level::ERROR) {
                return before(info);
            }

            let message = info.payload_as_str().unwrap_or("a value that is no text");
            let place = info.location().map(field::display);
            let backtrace = Backtrace::capture();
            let is_captured = backtrace.status() == BacktraceStatus::Captured;
            error!(
                panic = message,
                place,
                thread = thread::current().name(),
                backtrace = is_captured.then(|| field::display(&backtrace)),
                "panicked"
            );
        }));
    });
}
