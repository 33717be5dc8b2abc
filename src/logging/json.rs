//! One JSON object a line, flat: what the event says and what the spans round it say stand
//! side by side. Where names meet, the inner one wins.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope, SpanRef};

/// Names of our own: a field of the same name gets `field.` before it.
const TAKEN: [&str; 5] = ["timestamp", "level", "target", "message", "span"];

/// Writes events for `JsonFields`.
pub(super) struct FlatJson;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    target: &'a str,
    message: String,
    /// The innermost one.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<&'a str>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        let spans = context.event_scope().into_iter();
        for span in spans.flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>()
                && let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&fields.fields)
            {
                let fields = fields.into_iter();
                said.fields
                    .extend(fields.map(|(name, value)| (free(&name), value)));
            }
        }
        event.record(&mut said);
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let current = event
            .parent()
            .and_then(|id| context.span(id))
            .or_else(|| context.lookup_current().filter(|_| event.is_contextual()));
        let line = Line {
            timestamp,
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            message: said.message,
            span: current.as_ref().map(SpanRef::name),
            fields: said.fields,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// A line that is no event.
pub(super) fn line<'a>(
    timestamp: String,
    level: &str,
    target: &str,
    message: &str,
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> String {
    let fields = fields.into_iter();
    let line = Line {
        timestamp,
        level,
        target,
        message: message.to_owned(),
        span: None,
        fields: fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    };
    // Texts and numbers always have a JSON form.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

fn free(name: &str) -> String {
    if TAKEN.contains(&name) {
        format!("field.{name}")
    } else {
        name.to_owned()
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        match (field.name(), value.into()) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.fields.insert(free(name), value)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    /// Infinity and the like, which JSON has no numbers for, become texts.
    fn record_f64(&mut self, field: &Field, value: f64) {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.put(field, number),
            None => self.put(field, value.to_string()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing::{error_span, info, warn};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn logged(what: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, what);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn fields_of_spans_stand_beside_those_of_the_event() {
        let lines = logged(|| {
            let task = error_span!(
                "task",
                task_id = "t",
                kind = "k",
                trace_id = tracing::field::Empty
            );
            task.record("trace_id", "abc");
            let _inside = task.enter();
            warn!(
                seconds = 0.5,
                kind = "inner",
                n = u64::MAX,
                "it \"failed\"\nbadly"
            );
            info!(parent: None, "elsewhere");
        });
        let [line, other] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        for (name, value) in [
            ("level", json!("WARN")),
            ("message", json!("it \"failed\"\nbadly")),
            ("span", json!("task")),
            ("task_id", json!("t")),
            ("trace_id", json!("abc")),
            ("kind", json!("inner")),
            ("seconds", json!(0.5)),
            ("n", json!(u64::MAX)),
        ] {
            assert_eq!(line[name], value, "{name} in {line}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(
            line["target"].as_str().unwrap().contains("logging"),
            "{line}"
        );
        assert_eq!(
            (&other["task_id"], &other["span"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn fields_with_names_of_ours_and_odd_numbers_break_no_line() {
        let lines = logged(|| info!(level = 3, target = "x", bad = f64::NAN, "odd"));
        let line = &lines[0];
        assert_eq!(
            (&line["level"], &line["field.level"]),
            (&json!("INFO"), &json!(3))
        );
        assert_eq!(
            (&line["field.target"], &line["bad"]),
            (&json!("x"), &json!("NaN"))
        );
    }
}
