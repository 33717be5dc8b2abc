//! The header `traceparent`, as W3C Trace Context (level 1) has it.

use std::collections::BTreeMap;
use std::fmt;

use super::{TRACEPARENT, TRACESTATE, state};

/// Where in a trace somebody is: what the headers `traceparent` and `tracestate` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    parent: u64,
    sampled: bool,
    /// As it is written; empty if there is none.
    state: String,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: {0}")]
pub struct InvalidTraceParent(&'static str);

/// The length of version 00, and the least of all later ones.
const LENGTH: usize = 55;

impl TraceContext {
    /// A place in a trace. `None` if one of the ids is 0.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(dead_code, reason = "made by those who record spans")
    )]
    pub(crate) fn new(trace: u128, parent: u64, sampled: bool, state: &str) -> Option<Self> {
        (trace != 0 && parent != 0).then(|| Self {
            trace,
            parent,
            sampled,
            state: state::checked(state).unwrap_or_default(),
        })
    }

    /// Reads the two headers. A `tracestate` that is wrong is dropped and does no harm to
    /// the `traceparent`.
    ///
    /// # Errors
    /// When the `traceparent` is not what the recommendation says: `00`, 32 digits of the
    /// trace, 16 of the parent and 2 of flags, in lower case, neither id 0. Later
    /// versions may be longer.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Result<Self, InvalidTraceParent> {
        let text = traceparent.as_bytes();
        let wrong = |what| Err(InvalidTraceParent(what));
        if text.len() < LENGTH {
            return wrong("it is too short");
        }
        let Some(version) = hex(&text[..2]).filter(|version| *version != 0xff) else {
            return wrong("the version is none");
        };
        if (version == 0 && text.len() > LENGTH) || text.get(LENGTH).is_some_and(|it| *it != b'-') {
            return wrong("it is too long");
        }
        if [2, 35, 52].iter().any(|dash| text[*dash] != b'-') {
            return wrong("a dash is missing");
        }
        let Some(trace) = hex(&text[3..35]).filter(|id| *id != 0) else {
            return wrong("the trace has no id");
        };
        let parent = hex(&text[36..52]).and_then(|id| u64::try_from(id).ok());
        let Some(parent) = parent.filter(|id| *id != 0) else {
            return wrong("the parent has no id");
        };
        let Some(flags) = hex(&text[53..55]) else {
            return wrong("the flags are none");
        };
        Ok(Self {
            trace,
            parent,
            // All other bits are to be ignored, and not to be passed on.
            sampled: flags & 1 == 1,
            state: tracestate.and_then(state::checked).unwrap_or_default(),
        })
    }

    /// Looks for the headers, in any letter case, in what came with a task.
    pub(crate) fn find(headers: &BTreeMap<String, String>) -> Option<Self> {
        if headers.is_empty() {
            return None;
        }
        let find = |name: &str| {
            let mut all = headers.iter();
            let found = all.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        match Self::parse(find(TRACEPARENT)?, find(TRACESTATE)) {
            Ok(context) => Some(context),
            Err(error) => {
                tracing::debug!(%error, "the task's trace is not continued");
                None
            }
        }
    }

    /// The trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The span in it: 16 hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> String {
        format!("{:016x}", self.parent)
    }

    /// Whether whoever made it has recorded it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The header `traceparent`, in version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let (trace, parent, flags) = (self.trace, self.parent, u8::from(self.sampled));
        format!("00-{trace:032x}-{parent:016x}-{flags:02x}")
    }

    /// The header `tracestate`, if there is one.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        (!self.state.is_empty()).then_some(self.state.as_str())
    }

    /// Both headers, by name.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let state = self.tracestate().map(|it| (TRACESTATE, it.to_owned()));
        let parent = (TRACEPARENT, self.traceparent());
        std::iter::once(parent).chain(state).collect()
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn ids(&self) -> (u128, u64) {
        (self.trace, self.parent)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

/// Hexadecimal digits in lower case, and nothing else.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn texts_that_are_no_traceparent_are_refused_each_for_its_reason() {
        for (text, why) in [
            ("", "short"),
            (&GOOD[..54], "short"),
            (
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "version",
            ),
            (
                "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "version",
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
                "long",
            ),
            (
                "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x",
                "long",
            ),
            (
                "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "dash",
            ),
            (
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                "trace",
            ),
            (
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                "trace",
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                "parent",
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
                "parent",
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0+",
                "flags",
            ),
        ] {
            let error = TraceContext::parse(text, None).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what.comes.next";
        let context = TraceContext::parse(later, None).unwrap();
        // Flags that nobody knows are not passed on.
        assert_eq!(context.traceparent(), GOOD);
    }

    #[test]
    fn a_wrong_tracestate_is_dropped_alone() {
        let with = |state| TraceContext::parse(GOOD, Some(state)).unwrap();
        assert_eq!(with("a=1, b=2").tracestate(), Some("a=1,b=2"));
        assert_eq!(with("A=1").tracestate(), None);
        assert_eq!(with("A=1").traceparent(), GOOD);
    }

    #[test]
    fn headers_are_found_in_any_letter_case() {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let found = TraceContext::find(&map("TraceParent", GOOD)).unwrap();
        assert_eq!(found.headers(), [(TRACEPARENT, GOOD.to_owned())]);
        assert_eq!(TraceContext::find(&map("traceparent", "nonsense")), None);
        assert_eq!(TraceContext::find(&map("tenant", "one")), None);
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_the_same(trace in 1_u128.., parent in 1_u64.., sampled: bool) {
            let text = format!("00-{trace:032x}-{parent:016x}-{:02x}", u8::from(sampled));
            let context = TraceContext::parse(&text, None).unwrap();
            prop_assert_eq!(context.traceparent(), text);
            prop_assert_eq!(context.is_sampled(), sampled);
        }

        #[test]
        fn any_text_is_refused_or_gives_a_valid_header(text: String, state: String) {
            if let Ok(context) = TraceContext::parse(&text, Some(&state)) {
                let again = TraceContext::parse(&context.traceparent(), context.tracestate());
                prop_assert_eq!(again.unwrap(), context);
            }
        }

        #[test]
        fn one_wrong_byte_never_gives_another_trace(at in 0..55_usize, byte in 0..128_u8) {
            let mut text = GOOD.as_bytes().to_vec();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            if let Ok(context) = TraceContext::parse(&text, None) {
                let same = context.traceparent();
                // The version and the flags are all that may differ from what was sent.
                prop_assert_eq!(&same[3..52], &text[3..52]);
            }
        }
    }
}
