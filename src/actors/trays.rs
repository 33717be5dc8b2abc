//! The trays of one worker, by whose they are.

use std::sync::Arc;

use super::capacity::SlotNews;
use super::courier::Inbox;
use super::poller::PollEnded;
use super::pool::Deliver;
use super::supervisor::StartTask;
use super::tray::Tray;

#[derive(Clone)]
pub(crate) struct Trays {
    /// Of the tracker: what changes how many slots are free.
    pub(crate) slots: Arc<Tray<SlotNews>>,
    /// Of the poller.
    pub(crate) polls: Arc<Tray<PollEnded>>,
    /// Of the supervisor: tasks that were handed out to us.
    pub(crate) found: Arc<Tray<StartTask>>,
    /// Of the pool.
    pub(crate) deliveries: Arc<Tray<Deliver>>,
    /// Of the courier.
    pub(crate) inbox: Inbox,
}
