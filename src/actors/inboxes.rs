//! The inboxes of one worker, by whose they are.

use std::sync::Arc;

use super::capacity::SlotNews;
use super::courier::CourierInboxes;
use super::inbox::Inbox;
use super::poller::PollEnded;
use super::pool::Deliver;
use super::supervisor::StartTask;

#[derive(Clone)]
pub(crate) struct Inboxes {
    /// Of the tracker: what changes how many slots are free.
    pub(crate) slots: Arc<Inbox<SlotNews>>,
    /// Of the poller.
    pub(crate) polls: Arc<Inbox<PollEnded>>,
    /// Of the supervisor: tasks that were handed out to us.
    pub(crate) found: Arc<Inbox<StartTask>>,
    /// Of the pool.
    pub(crate) deliveries: Arc<Inbox<Deliver>>,
    /// Of the courier.
    pub(crate) courier: CourierInboxes,
}
