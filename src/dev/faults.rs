//! Answers gone wrong on purpose, a given number of times.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::Endpoint;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not looked at; the answer is this status with `{"error": ...}`.
    Status(u16),
    /// It is not looked at; 429, with `Retry-After` in seconds when given.
    TooMany(Option<u64>),
    /// It is not looked at; the connection is closed without an answer.
    Drop,
    /// It is handled, then the connection is closed: the answer is lost.
    DropAnswer,
    /// It is handled after this time.
    Delay(Duration),
    /// It is handled, and the answer is kept back for this time.
    DelayAnswer(Duration),
    /// It is not looked at and never answered; the connection stays open.
    Hang,
    /// It is not looked at; 200 with this text as the body.
    Garbage(String),
    /// It is handled; the answer announces more bytes than come, then the
    /// connection is closed.
    CutOff,
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    script: HashMap<Endpoint, VecDeque<(Fault, usize)>>,
}

impl Faults {
    pub(crate) fn add(&mut self, endpoint: Endpoint, fault: Fault, times: usize) {
        if times > 0 {
            self.script
                .entry(endpoint)
                .or_default()
                .push_back((fault, times));
        }
    }

    pub(crate) fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let script = self.script.get_mut(&endpoint)?;
        let (fault, left) = script.front_mut()?;
        let fault = fault.clone();
        *left -= 1;
        if *left == 0 {
            script.pop_front();
        }
        Some(fault)
    }

    pub(crate) fn clear(&mut self) {
        self.script.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_the_order_they_were_asked_for() {
        let mut faults = Faults::default();
        faults.add(Endpoint::Result, Fault::Status(503), 2);
        faults.add(Endpoint::Result, Fault::Drop, 1);
        faults.add(Endpoint::Result, Fault::Hang, 0);
        let next: Vec<_> = (0..4).map(|_| faults.next(Endpoint::Result)).collect();
        let unwell = Some(Fault::Status(503));
        assert_eq!(next, [unwell.clone(), unwell, Some(Fault::Drop), None]);
        assert_eq!(faults.next(Endpoint::Poll), None);
    }
}
