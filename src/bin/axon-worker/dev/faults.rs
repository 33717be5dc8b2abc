//! `--fault`: which requests go wrong, and how.

use std::time::Duration;

use axon_worker::dev::{DevOrchestrator, Endpoint, Fault};

/// The endpoints by their names.
const ENDPOINTS: [(&str, Endpoint); 9] = [
    ("register", Endpoint::Register),
    ("poll", Endpoint::Poll),
    ("heartbeat", Endpoint::Heartbeat),
    ("result", Endpoint::Result),
    ("event", Endpoint::Event),
    ("socket", Endpoint::Socket),
    ("token", Endpoint::Token),
    ("token-refresh", Endpoint::TokenRefresh),
    ("status", Endpoint::Status),
];

/// So often that the end is not seen.
const ALWAYS: usize = usize::MAX;

/// What happens to the next requests of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FaultRule {
    endpoint: Endpoint,
    fault: Fault,
    times: usize,
}

impl FaultRule {
    /// Reads `ENDPOINT:FAULT[:TIMES]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let endpoint = ENDPOINTS.iter().find(|(known, _)| *known == name);
        let (_, endpoint) = endpoint.ok_or_else(|| {
            let names: Vec<_> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
            format!("the endpoint is one of {}", names.join(", "))
        })?;
        let fault = parts.next().and_then(fault).ok_or(
            "the fault is a status such as 503, or one of drop, drop-answer, hang, cut-off, \
             too-many, delay=SECONDS, delay-answer=SECONDS",
        )?;
        let times = match parts.next() {
            None => 1,
            Some("always") => ALWAYS,
            Some(count) => count
                .parse()
                .map_err(|_| "TIMES is a number or `always`".to_owned())?,
        };
        match parts.next() {
            None => Ok(Self {
                endpoint: *endpoint,
                fault,
                times,
            }),
            Some(_) => Err("there is more behind TIMES".to_owned()),
        }
    }

    pub(super) fn apply(&self, orchestrator: &DevOrchestrator) {
        orchestrator.fail_next(self.endpoint, self.fault.clone(), self.times);
    }
}

/// Lets everything wait; faults that were asked for before come first.
pub(super) fn delay_all(orchestrator: &DevOrchestrator, by: Duration) {
    for (_, endpoint) in ENDPOINTS {
        orchestrator.fail_next(endpoint, Fault::Delay(by), ALWAYS);
    }
}

fn fault(text: &str) -> Option<Fault> {
    let time = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
    if let Some((name, value)) = text.split_once('=') {
        return match name {
            "delay" => time(value).map(Fault::Delay),
            "delay-answer" => time(value).map(Fault::DelayAnswer),
            _ => None,
        };
    }
    match text {
        "drop" => Some(Fault::Drop),
        "drop-answer" => Some(Fault::DropAnswer),
        "hang" => Some(Fault::Hang),
        "cut-off" => Some(Fault::CutOff),
        "too-many" => Some(Fault::TooMany(None)),
        status => {
            let status = status.parse().ok();
            let status = status.filter(|status| (400..=599).contains(status));
            status.map(Fault::Status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        let parse = FaultRule::parse;
        for (text, endpoint, fault, times) in [
            ("result:503:3", Endpoint::Result, Fault::Status(503), 3),
            ("poll:drop", Endpoint::Poll, Fault::Drop, 1),
            (
                "heartbeat:delay=0.5:always",
                Endpoint::Heartbeat,
                Fault::Delay(Duration::from_millis(500)),
                ALWAYS,
            ),
            ("event:too-many", Endpoint::Event, Fault::TooMany(None), 1),
        ] {
            let expected = FaultRule {
                endpoint,
                fault,
                times,
            };
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for (text, about) in [
            ("", "endpoint"),
            ("jobs:503", "endpoint"),
            ("poll", "fault"),
            ("poll:200", "fault"),
            ("poll:delay=x", "fault"),
            ("poll:delay=-1", "fault"),
            ("poll:503:x", "TIMES"),
            ("poll:503:1:2", "TIMES"),
        ] {
            assert!(parse(text).unwrap_err().contains(about), "{text}");
        }
    }
}
