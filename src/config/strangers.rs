//! Variables of the environment that mean nothing to a worker although somebody may believe
//! so: misspelt ones, and those that Kubernetes makes for its services.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::problem::Notes;
use super::variables::{EXTRA_PREFIX, FILE_SUFFIX, VARIABLES, Variable};

/// Begin the names of our variables, and of few others.
const PREFIXES: [&str; 3] = ["AXON_", "DISTWORKER_", "WORKER_"];

/// Names that begin like ours and are meant for others: what a worker tells the programs
/// that do its tasks, and what `axon-worker dev`, `submit` and an example read.
const OF_OTHERS: [&str; 5] = [
    "AXON_CLIENT_",
    "AXON_CONFORMANCE_",
    "AXON_DEV_",
    "AXON_JOB_ID",
    "AXON_TASK_",
];

/// Names with which Kubernetes tells each pod the address of each service, as Docker once
/// did with its links: for a service `worker` there are `WORKER_PORT=tcp://10.0.0.1:80`,
/// `WORKER_SERVICE_HOST`, `WORKER_PORT_80_TCP_ADDR` and so on.
#[derive(Debug)]
pub(super) struct ServiceLinks<'a>(Vec<&'a str>);

impl<'a> ServiceLinks<'a> {
    pub(super) fn among(vars: &'a BTreeMap<String, String>) -> Self {
        let service = |(name, value): (&'a String, &String)| {
            let service = name.strip_suffix("_PORT")?;
            is_address(value).then_some(service)
        };
        Self(vars.iter().filter_map(service).collect())
    }

    /// Returns whether the variable tells the address of a service.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|service| {
            let rest = name.strip_prefix(service);
            rest.is_some_and(|rest| {
                let kinds = ["_PORT_", "_SERVICE_PORT_"];
                matches!(rest, "_PORT" | "_SERVICE_HOST" | "_SERVICE_PORT")
                    || kinds.iter().any(|kind| rest.starts_with(kind))
            })
        })
    }
}

/// Such as `tcp://10.96.0.12:8083`, which no setting of ours looks like.
fn is_address(text: &str) -> bool {
    let Some((protocol, address)) = text.trim().split_once("://") else {
        return false;
    };
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    matches!(protocol, "tcp" | "udp" | "sctp")
        && host.parse::<IpAddr>().is_ok()
        && port.parse::<u16>().is_ok()
}

/// Warns of each variable that has no effect although it is named like one of ours.
pub(super) fn warn(vars: &BTreeMap<String, String>, links: &ServiceLinks<'_>, notes: &mut Notes) {
    for name in vars.keys() {
        if is_known(name) || links.has(name) {
            continue;
        }
        let shown = name.escape_debug();
        match likely(name) {
            Some(meant) => notes.warn(format!(
                "{shown} is not known and has no effect: is {meant} meant?"
            )),
            None if is_like_ours(name) => {
                notes.warn(format!("{shown} is not known and has no effect"));
            }
            None => {}
        }
    }
}

fn is_known(name: &str) -> bool {
    let of = |variable: &Variable| {
        name == variable.name
            || variable.has_file() && name.strip_suffix(FILE_SUFFIX) == Some(variable.name)
    };
    VARIABLES.iter().any(of) || name.starts_with(EXTRA_PREFIX)
}

fn is_like_ours(name: &str) -> bool {
    let begins = |prefix: &&str| name.starts_with(*prefix);
    PREFIXES.iter().any(begins) && !OF_OTHERS.iter().any(begins)
}

/// The known name that is closest, if it is close enough to be meant.
fn likely(name: &str) -> Option<&'static str> {
    let names = VARIABLES.iter().map(|variable| variable.name);
    let close = names.filter(|known| !known.ends_with('*')).map(|known| {
        // One slip in a short name, two in a longer one.
        let most = if known.len() > 8 { 2 } else { 1 };
        (known, distance(name, known), most)
    });
    close
        .filter(|(_, slips, most)| slips <= most)
        .min_by_key(|(_, slips, _)| *slips)
        .map(|(known, ..)| known)
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbour to
/// get from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    // More than any caller takes for close.
    if from.len().abs_diff(to.len()) > 2 {
        return usize::MAX;
    }

    // Rows of the usual table: `row[j]` letters from the first `i` of `from` to `j` of `to`.
    let mut before = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i; to.len() + 1];
        for j in 1..=to.len() {
            let replaced = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let is_swap = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if is_swap {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (from, to, slips) in [
            ("ABC", "ABC", 0),
            ("MAX_CONCURRENT_TASK", "MAX_CONCURRENT_TASKS", 1),
            ("ORCHESTRATR_URL", "ORCHESTRATOR_URL", 1),
            ("WROKER_ID", "WORKER_ID", 1),
            ("LOGLEVEL", "LOG_LEVEL", 1),
            ("AB", "CD", 2),
            ("", "AB", 2),
            ("A", "ABCD", usize::MAX),
        ] {
            assert_eq!(distance(from, to), slips, "{from} {to}");
        }
    }

    #[test]
    fn no_known_name_is_taken_for_another() {
        for variable in VARIABLES {
            assert!(is_known(variable.name), "{}", variable.name);
        }
    }

    #[test]
    fn addresses_of_services_are_told_from_ports() {
        for (text, is) in [
            ("tcp://10.96.0.12:8083", true),
            ("udp://[fd00::1]:53", true),
            ("8083", false),
            ("tcp://name:80", false),
            ("http://10.0.0.1:80", false),
            ("tcp://10.0.0.1:99999", false),
        ] {
            assert_eq!(is_address(text), is, "{text}");
        }
    }
}
