//! What is to be thought of what was seen. Nothing here reaches anything.

use std::time::SystemTime;

use axon_worker::config::RxonVersion;
use axon_worker::storage::StorageError;
use axon_worker::transport::{Greeting, Standing, TransportError};

use super::finding::Opinion;

/// Messages of RXON 1.0b17 that are more seconds off are refused.
const RXON_WINDOW: i64 = 60;
/// The same of registrations with a `DistWorker` controller.
const DISTWORKER_WINDOW: i64 = 300;

/// A dialect of RXON, as far as it could be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V1_0b2,
    V1_0b17,
}

impl Dialect {
    /// As orchestrators tell it: the older ones tell nothing.
    pub(super) fn of(version: Option<&str>) -> Self {
        match version {
            None | Some("1.0b2") => Self::V1_0b2,
            Some(_) => Self::V1_0b17,
        }
    }
}

/// Whether the answer is one of an orchestrator.
pub(super) fn http(greeting: &Greeting) -> Opinion {
    match greeting.status {
        200..=299 => Opinion::ok(format!("answers {}", greeting.status)),
        404 | 405 => Opinion::warn(
            format!("answers {} to /_public/status", greeting.status),
            "is this the base address of an orchestrator?",
        ),
        429 => Opinion::warn(
            "answers 429: too many requests",
            "wait a minute and try again",
        ),
        300..=399 => Opinion::warn(
            format!("answers {}, which leads elsewhere", greeting.status),
            "workers follow no redirects: set the address that it leads to",
        ),
        status => Opinion::fail(
            format!("answers {status}"),
            "look into the log of the orchestrator, or of what stands before it",
        ),
    }
}

/// The dialect that was found against the one that was set.
pub(super) fn dialect(set: RxonVersion, greeting: &Greeting) -> Opinion {
    let fits = match (set, Dialect::of(greeting.version.as_deref())) {
        (RxonVersion::V1_0b2, dialect) => dialect == Dialect::V1_0b2,
        (RxonVersion::V1_0b17, dialect) => dialect == Dialect::V1_0b17,
        _ => true,
    };
    let opinion = |text: &str| {
        if fits {
            return Opinion::ok(text);
        }
        Opinion::fail(
            format!("RXON_VERSION says another than the orchestrator, which {text}"),
            "set RXON_VERSION=auto, or the version that it speaks",
        )
    };
    match &greeting.version {
        Some(version) => opinion("speaks RXON ").with(version),
        None => opinion("tells no version: RXON 1.0b2"),
    }
}

/// The clock of an orchestrator against ours.
pub(super) fn rxon_clock(date: Option<SystemTime>, now: SystemTime, dialect: Dialect) -> Opinion {
    match dialect {
        Dialect::V1_0b17 => clock(date, now, RXON_WINDOW, "signed messages"),
        // Nothing is signed there; deadlines and logs are all that suffers.
        Dialect::V1_0b2 => match ahead(date, now) {
            Some(ahead) if ahead.abs() > RXON_WINDOW => Opinion::warn(
                apart(ahead),
                "nothing is refused because of it; let a time service (NTP) set both clocks",
            ),
            _ => clock(date, now, i64::MAX, ""),
        },
    }
}

/// The clock of a controller against ours.
pub(super) fn controller_clock(date: Option<SystemTime>, now: SystemTime) -> Opinion {
    clock(date, now, DISTWORKER_WINDOW, "registrations")
}

fn clock(date: Option<SystemTime>, now: SystemTime, window: i64, refused: &str) -> Opinion {
    let Some(ahead) = ahead(date, now) else {
        return Opinion::warn(
            "it does not tell its time",
            "make sure that both clocks are right",
        );
    };
    let hint = "let a time service (NTP) set the clocks of both machines";
    let text = apart(ahead);
    if ahead.abs() > window {
        let text = format!("{text}; {refused} more than {window} s off are refused");
        Opinion::fail(text, hint)
    } else if ahead.abs() > window / 2 {
        let text = format!("{text}; {refused} are refused from {window} s on");
        Opinion::warn(text, hint)
    } else {
        Opinion::ok(text)
    }
}

/// Our clock minus theirs, in seconds.
fn ahead(date: Option<SystemTime>, now: SystemTime) -> Option<i64> {
    let date = date?;
    let whole = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Some(match now.duration_since(date) {
        Ok(ahead) => whole(ahead),
        Err(behind) => -whole(behind.duration()),
    })
}

fn apart(ahead: i64) -> String {
    match ahead {
        // The date is told in whole seconds, some time before we read it.
        -1..=2 => "the clocks agree".to_owned(),
        3.. => format!("the clock of this machine is {ahead} s ahead"),
        _ => format!("the clock of this machine is {} s behind", -ahead),
    }
}

/// How the orchestrator took our token.
pub(super) fn token(standing: &Result<Standing, TransportError>) -> Opinion {
    match standing {
        Ok(Standing::Known) => Opinion::ok("accepted; a worker of this WORKER_ID is registered"),
        Ok(_) => Opinion::ok("accepted"),
        Err(TransportError::Unauthorized { reason }) => Opinion::fail(
            "not accepted: ",
            "set WORKER_TOKEN to the token of the orchestrator (GLOBAL_WORKER_TOKEN there), or \
             WORKER_INDIVIDUAL_TOKEN and WORKER_ID if it has one for this worker",
        )
        .with(reason),
        Err(TransportError::RateLimited { .. }) => Opinion::warn(
            "too many requests: not looked at",
            "wait for more than a minute and try again",
        ),
        Err(TransportError::Unavailable { reason }) => Opinion::fail(
            "no answer of an orchestrator: ",
            "is this the base address of an orchestrator? What stands before it must let \
             /_worker/ through, with the methods GET, POST and PATCH",
        )
        .with(reason),
        Err(error) => Opinion::fail("", "look into the log of the orchestrator").with(error),
    }
}

/// How it took a signed message.
pub(super) fn signature(sent: &Result<(), TransportError>) -> Opinion {
    match sent {
        Ok(()) => Opinion::ok("a signed message is believed"),
        Err(TransportError::Unauthorized { reason }) => Opinion::fail(
            "a signed message is refused: ",
            "messages are signed with the worker token, also where a certificate or an access \
             token is shown: it must be the one that the orchestrator has for this worker; and \
             the clocks must agree",
        )
        .with(reason),
        Err(TransportError::RateLimited { .. }) => Opinion::warn(
            "too many requests: not looked at",
            "wait for more than a minute and try again",
        ),
        Err(error) => Opinion::fail("", "look into the log of the orchestrator").with(error),
    }
}

/// Why there is no connection, or no answer over it.
pub(super) fn unreachable(error: &TransportError) -> Opinion {
    let hint = match error {
        TransportError::Unauthorized { .. } => {
            "set TLS_CERT_PATH and TLS_KEY_PATH to a certificate that the server accepts"
        }
        TransportError::Unreachable { reason } if reason.contains("certificate") => {
            "set TLS_CA_PATH to the authority of the server's certificate, or mend the certificate"
        }
        TransportError::Malformed { .. } => "whatever listens there does not speak HTTP",
        _ => "is the address right, does it run, and does no firewall or proxy stand between?",
    };
    Opinion::fail("", hint).with(error)
}

/// Why no WebSocket came about.
pub(super) fn no_socket(error: &TransportError) -> Opinion {
    Opinion::fail(
        "",
        "a proxy before the server must let the headers Upgrade and Connection through",
    )
    .with(error)
}

/// Why an object could not be moved, and what to do.
pub(super) fn storage(doing: &str, error: &StorageError) -> Opinion {
    let hint = match error {
        StorageError::NotFound { .. } => {
            "make the bucket, or set S3_DEFAULT_BUCKET to one that is there"
        }
        StorageError::Denied { .. } => {
            "set S3_ACCESS_KEY, S3_SECRET_KEY and S3_REGION to those of the storage; the key has \
             to be allowed to put, get, list and delete in this bucket"
        }
        StorageError::Unavailable { .. } | StorageError::Stalled { .. } => {
            "is S3_ENDPOINT_URL right, does the storage run, and does nothing stand between?"
        }
        StorageError::Io { .. } => "the folder must be there, writable and not full",
        StorageError::Setup { .. } => "mend the setting",
        _ => "look into the log of the storage",
    };
    Opinion::fail(format!("{doing}: "), hint).with(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::finding::Verdict;
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    #[test]
    fn clocks_are_held_against_the_window_of_signatures() {
        let now = at(1000);
        for (theirs, newer, older, words) in [
            (1000, Verdict::Ok, Verdict::Ok, "agree"),
            (970, Verdict::Ok, Verdict::Ok, "30 s ahead"),
            (969, Verdict::Warn, Verdict::Ok, "31 s ahead"),
            (940, Verdict::Warn, Verdict::Ok, "60 s ahead"),
            (939, Verdict::Fail, Verdict::Warn, "61 s ahead"),
            (1031, Verdict::Warn, Verdict::Ok, "31 s behind"),
            (1061, Verdict::Fail, Verdict::Warn, "61 s behind"),
        ] {
            let of = |dialect| rxon_clock(Some(at(theirs)), now, dialect);
            assert_eq!(of(Dialect::V1_0b17).verdict, newer, "{theirs}");
            assert_eq!(of(Dialect::V1_0b2).verdict, older, "{theirs}");
            assert!(of(Dialect::V1_0b2).text.contains(words), "{theirs}");
        }
        let of = |theirs| controller_clock(Some(at(theirs)), now).verdict;
        assert_eq!(of(700), Verdict::Warn);
        assert_eq!(of(699), Verdict::Fail);
        assert_eq!(controller_clock(None, now).verdict, Verdict::Warn);
    }

    #[test]
    fn a_version_that_is_not_the_set_one_is_a_failure() {
        use RxonVersion::{Auto, V1_0b2, V1_0b17};
        let greeting = |version: Option<&str>| {
            let mut greeting = Greeting::new(200);
            greeting.version = version.map(str::to_owned);
            greeting
        };
        for (set, told, verdict) in [
            (Auto, None, Verdict::Ok),
            (Auto, Some("1.0b17"), Verdict::Ok),
            (V1_0b2, None, Verdict::Ok),
            (V1_0b2, Some("1.0b17"), Verdict::Fail),
            (V1_0b17, Some("1.0b19"), Verdict::Ok),
            (V1_0b17, None, Verdict::Fail),
        ] {
            assert_eq!(dialect(set, &greeting(told)).verdict, verdict, "{told:?}");
        }
        assert!(http(&greeting(None)).text.contains("200"));
        assert_eq!(http(&Greeting::new(404)).verdict, Verdict::Warn);
        assert_eq!(http(&Greeting::new(502)).verdict, Verdict::Fail);
    }

    #[test]
    fn a_refused_token_names_the_setting() {
        let reason = "status 401".to_owned();
        let refused = token(&Err(TransportError::Unauthorized { reason }));
        assert_eq!(refused.verdict, Verdict::Fail);
        assert!(refused.hint.unwrap().contains("WORKER_TOKEN"));
        assert_eq!(token(&Ok(Standing::Forgotten)).verdict, Verdict::Ok);
        let limited = token(&Err(TransportError::RateLimited { retry_after: None }));
        assert_eq!(limited.verdict, Verdict::Warn);
    }
}
