//! A check of the user's own: is the worker in a state to take tasks?

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

/// How often a check is asked.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// How long it may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// So much of a reason is told.
const MOST: usize = 300;

/// What a check of [`WorkerBuilder::ready_when`](crate::WorkerBuilder::ready_when) answers:
/// `true`, `false`, or a [`Result`] whose error is the reason to take no tasks.
pub trait Readiness {
    /// The reason to take no tasks, if there is one.
    ///
    /// # Errors
    /// The reason, for people.
    fn into_reason(self) -> Result<(), String>;
}

impl Readiness for bool {
    fn into_reason(self) -> Result<(), String> {
        if self {
            Ok(())
        } else {
            Err("the answer is no".to_owned())
        }
    }
}

impl<T, E: fmt::Display> Readiness for Result<T, E> {
    fn into_reason(self) -> Result<(), String> {
        self.map(drop).map_err(|reason| reason.to_string())
    }
}

type Ask = dyn Fn() -> LocalBoxFuture<'static, Result<(), String>> + Send + Sync;

/// A check, with how often and how long.
#[derive(Clone)]
pub(crate) struct ReadyCheck {
    /// What the reasons begin with.
    name: &'static str,
    ask: Arc<Ask>,
    pub(crate) every: Duration,
    pub(crate) limit: Duration,
}

impl fmt::Debug for ReadyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyCheck")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ReadyCheck {
    pub(crate) fn new<C, F>(name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output: Readiness> + 'static,
    {
        let ask = move || {
            let asked = check();
            async move { asked.await.into_reason() }.boxed_local()
        };
        Self {
            name,
            ask: Arc::new(ask),
            every: EVERY,
            limit: LIMIT,
        }
    }

    /// Asks it once, for as long as it may take. A panic is a no.
    pub(crate) async fn ask(self) -> Result<(), String> {
        let name = self.name;
        // The call itself may panic as well.
        let asking = AssertUnwindSafe(async { (self.ask)().await }).catch_unwind();
        match tokio::time::timeout(self.limit, asking).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(reason))) => Err(format!("{name}: {}", one_line(&reason))),
            Ok(Err(_)) => Err(format!("{name}: it panicked")),
            Err(_) => Err(self.silent()),
        }
    }

    /// What is said of one that does not answer.
    pub(crate) fn silent(&self) -> String {
        format!(
            "{}: no answer within {} s",
            self.name,
            self.limit.as_secs_f64()
        )
    }
}

/// Without line breaks and other control characters, and not too long.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let mut text = words.join(" ");
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic_as_asked() -> bool {
        panic!("as asked")
    }

    #[actix_rt::test]
    async fn a_no_and_a_panic_and_silence_are_reasons() {
        tokio::time::pause();
        let no = ReadyCheck::new("check", || async { Err::<(), _>("no\n device") });
        assert_eq!(no.ask().await, Err("check: no device".to_owned()));
        let yes = ReadyCheck::new("check", || async { true });
        assert_eq!(yes.ask().await, Ok(()));
        let panics = ReadyCheck::new("check", || async { panic_as_asked() });
        assert_eq!(panics.ask().await, Err("check: it panicked".to_owned()));
        let silent = ReadyCheck::new("check", std::future::pending::<bool>);
        let told = silent.ask().await.unwrap_err();
        assert!(told.contains("no answer within 5 s"), "{told}");
    }

    #[test]
    fn reasons_are_one_short_line() {
        assert_eq!(one_line(" a\x1b[1m\n\tb "), "a [1m b");
        assert_eq!(one_line(&"ä".repeat(MOST + 5)).chars().count(), MOST + 1);
    }
}
