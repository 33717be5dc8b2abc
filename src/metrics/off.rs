//! Metrics of a build without them.

use std::time::Duration;

use crate::status::Exchange;
use crate::storage::Transfers;
use crate::task::Outcome;
use crate::transport::TransportError;

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Meters;

/// Nothing.
#[derive(Debug)]
pub(crate) struct Start;

/// Nothing.
#[derive(Debug)]
pub(crate) struct LinkMeter;

#[allow(clippy::unused_self, reason = "stands in for the real ones")]
impl Meters {
    pub(crate) fn new<'a>(_: impl IntoIterator<Item = &'a str>, _: bool) -> Self {
        Self
    }

    pub(crate) fn watch(&mut self, _: Option<&Transfers>) {}

    pub(crate) fn link(&self, _: &str) -> LinkMeter {
        LinkMeter
    }

    pub(crate) fn task_came(&self, _: &str) -> Start {
        Start
    }

    pub(crate) fn result(&self, _: &'static str) {}
}

#[allow(clippy::unused_self, reason = "stands in for the real ones")]
impl Start {
    pub(crate) fn began(&self, _: Duration) {}

    pub(crate) fn ended(&self, _: &Outcome, _: Option<Duration>) {}
}

#[allow(clippy::unused_self, reason = "stands in for the real ones")]
impl LinkMeter {
    pub(crate) fn answered(&self, _: Exchange, _: bool, _: Duration) {}

    pub(crate) fn failed(&self, _: Exchange, _: &TransportError) {}
}
