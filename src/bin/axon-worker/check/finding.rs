//! What a probe finds, and how probes are held to their time.

use std::cell::RefCell;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// A worker could not live with it.
    Fail,
}

/// What was found of one thing, without a judgement of when and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opinion {
    pub(super) verdict: Verdict,
    /// What is so, in our words.
    pub(super) text: String,
    /// What others said of it, as the end of the text: it may hold any secret.
    pub(super) told: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Opinion {
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            text: text.into(),
            told: String::new(),
            hint: None,
        }
    }

    /// With a text from outside at its end.
    pub(super) fn with(mut self, outside: impl std::fmt::Display) -> Self {
        self.told = outside.to_string();
        self
    }

    pub(super) fn warn(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            hint: Some(hint.into()),
            ..Self::ok(text)
        }
    }

    pub(super) fn fail(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(text, hint)
        }
    }

    pub(super) fn is_fail(&self) -> bool {
        self.verdict == Verdict::Fail
    }
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// The thing that was reached, such as `orchestrator http://..`.
    pub(super) subject: String,
    /// What was looked at there, such as `token`.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) text: String,
    /// The end of the text that comes from outside, until it is joined without secrets.
    #[serde(skip)]
    pub(super) told: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    /// Milliseconds.
    pub(super) took_ms: u64,
}

/// What a probe has found so far. It says what it looks at before it looks, so that
/// there is a line for a look that never ends.
#[derive(Debug)]
pub(super) struct Notes {
    subject: String,
    looking: RefCell<Option<(&'static str, Instant)>>,
    found: RefCell<Vec<Finding>>,
}

impl Notes {
    pub(super) fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            looking: RefCell::default(),
            found: RefCell::default(),
        }
    }

    /// What is looked at from now on.
    pub(super) fn look(&self, check: &'static str) {
        *self.looking.borrow_mut() = Some((check, Instant::now()));
    }

    /// What came of it. Returns whether one can go on from there.
    pub(super) fn found(&self, opinion: Opinion) -> bool {
        let (check, since) = self
            .looking
            .borrow_mut()
            .take()
            .unwrap_or(("probe", Instant::now()));
        let is_good = !opinion.is_fail();
        let took = since.elapsed().as_millis();
        self.found.borrow_mut().push(Finding {
            subject: self.subject.clone(),
            check,
            verdict: opinion.verdict,
            text: opinion.text,
            told: opinion.told,
            hint: opinion.hint,
            took_ms: u64::try_from(took).unwrap_or(u64::MAX),
        });
        is_good
    }

    /// Looks and notes in one.
    pub(super) fn note(&self, check: &'static str, opinion: Opinion) -> bool {
        self.look(check);
        self.found(opinion)
    }
}

/// Lets a probe run for at most this long; a look that has not ended by then has failed.
pub(super) async fn bounded(
    subject: impl Into<String>,
    within: Duration,
    probe: impl AsyncFnOnce(&Notes),
) -> Vec<Finding> {
    let notes = Notes::new(subject);
    let in_time = timeout(within, probe(&notes)).await.is_ok();
    // Between two looks everything has been said.
    if !in_time && notes.looking.borrow().is_some() {
        let text = format!("no answer within {} s", within.as_secs_f64());
        let hint = "it may be down or overloaded, or a firewall swallows what is sent; \
                    --timeout waits longer";
        notes.found(Opinion::fail(text, hint));
    }
    notes.found.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_probe_that_hangs_fails_at_what_it_looked_at() {
        tokio::time::pause();
        let found = bounded("thing", Duration::from_secs(3), async |notes: &Notes| {
            notes.note("first", Opinion::ok("fine"));
            notes.look("second");
            std::future::pending::<()>().await;
        })
        .await;
        let short: Vec<_> = found.iter().map(|it| (it.check, it.verdict)).collect();
        assert_eq!(
            short,
            [("first", Verdict::Ok), ("second", Verdict::Fail)],
            "{found:?}"
        );
        assert_eq!(found[1].text, "no answer within 3 s");
        assert!(found[1].took_ms >= 3000);
    }

    #[actix_rt::test]
    async fn a_probe_that_ends_says_no_more_than_it_found() {
        let found = bounded("thing", Duration::from_secs(3), async |notes: &Notes| {
            assert!(!notes.note("only", Opinion::fail("no", "do")));
        })
        .await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, "thing");
    }
}
