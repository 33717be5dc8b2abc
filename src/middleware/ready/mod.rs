//! Middleware that is ready to use.

mod limit;
mod metrics;
mod retry;
mod timeout;
mod traced;

pub use limit::Limit;
pub use metrics::{CallMetrics, CallTally};
pub use retry::Retry;
pub use timeout::Timeout;
pub use traced::Traced;
