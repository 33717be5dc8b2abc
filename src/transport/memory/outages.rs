//! What goes wrong at a [`MemoryOrchestrator`] when a test wants it to.

use super::{Call, MemoryOrchestrator};
use crate::transport::TransportError;

/// The failures that are to come.
#[derive(Default)]
pub(super) struct Outages {
    faults: Vec<(Call, TransportError)>,
    is_down: bool,
    /// How often it went down: whatever was open before is broken.
    breaks: u64,
}

impl Outages {
    /// Whether a request fails. One that fails takes its fault with it.
    pub(super) fn answer(&mut self, call: Call) -> Result<(), TransportError> {
        if self.is_down {
            return Err(TransportError::Unreachable {
                reason: "the orchestrator is down".to_owned(),
            });
        }
        match self.faults.iter().position(|(of, _)| *of == call) {
            Some(place) => Err(self.faults.remove(place).1),
            None => Ok(()),
        }
    }

    /// Counts the times it went down.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks
    }
}

impl MemoryOrchestrator {
    /// Lets the next `times` requests of a kind fail, whoever makes them.
    pub fn fail_next(&self, call: Call, error: &TransportError, times: usize) {
        let faults = std::iter::repeat_n((call, error.clone()), times);
        self.lock().outages.faults.extend(faults);
    }

    /// Drops the failures of [`MemoryOrchestrator::fail_next`] that are still to come.
    pub fn fail_no_more(&self) {
        self.lock().outages.faults.clear();
    }

    /// Lets no more requests fail.
    pub fn clear_faults(&self) {
        self.lock().outages.faults.clear();
    }

    /// Forgets every worker, without a word to them. Open polls stay open.
    pub fn forget_worker(&self) {
        for peer in &mut self.lock().peers {
            peer.is_known = false;
        }
    }

    /// Cannot be reached from now on: open polls and command channels break, requests
    /// fail with [`TransportError::Unreachable`].
    pub fn go_down(&self) {
        let mut state = self.lock();
        state.outages.is_down = true;
        state.outages.breaks += 1;
        for peer in &mut state.peers {
            peer.channel.break_off(TransportError::NoAnswer {
                reason: "the orchestrator went down".to_owned(),
            });
        }
        self.changed(state);
        self.polls.notify_waiters();
    }

    /// Can be reached again, and knows everybody as before.
    pub fn come_up(&self) {
        self.lock().outages.is_down = false;
    }

    /// Goes down, forgets every worker and comes up at once. Queued tasks stay.
    pub fn restart(&self) {
        self.go_down();
        self.forget_worker();
        self.come_up();
    }
}
