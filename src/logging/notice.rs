//! Lines that the log writes about itself.

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::json;

const TARGET: &str = "axon_worker::logging";
const MESSAGE: &str = "log lines lost: the output was not written to for a while";

/// Says that lines are missing before this one. It does not take the way of an event, for it
/// is no thread of the worker that writes it.
pub(super) fn lost_lines(count: u64, is_json: bool) -> String {
    let mut now = String::new();
    // Writing to a `String` cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut now));
    if is_json {
        json::line(now, "WARN", TARGET, MESSAGE, [("lines", count.into())])
    } else {
        format!("{now}  WARN {TARGET}: {MESSAGE} lines={count}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_has_the_form_of_the_log() {
        let text = lost_lines(7, false);
        assert!(text.ends_with(" lines=7\n"), "{text}");
        let line: serde_json::Value = serde_json::from_str(&lost_lines(7, true)).unwrap();
        assert_eq!(
            (&line["level"], &line["lines"]),
            (&"WARN".into(), &7.into())
        );
    }
}
