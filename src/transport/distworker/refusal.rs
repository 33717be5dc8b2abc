//! Why a controller hung up on our registration. It does not say, but its clock can be
//! looked at.

use std::time::{Duration, SystemTime};

use awc::http::Method;

use super::state::Shared;
use super::wire::date::{WINDOW, write};
use crate::transport::http::{Limits, Request};
use crate::transport::{Greeting, TransportError};

/// The answer to an ordinary request is of no interest but for its date.
const BODY_LIMIT: usize = 64 * 1024;

pub(super) async fn explain(shared: &Shared, ended: &TransportError) -> TransportError {
    let reason = match clock_of(shared).await {
        Some(theirs) if apart(theirs, SystemTime::now()) > WINDOW => {
            let (apart, ours) = (apart(theirs, SystemTime::now()), SystemTime::now());
            format!(
                "registration refused: the clocks are {} s apart, at most {} s are allowed (the controller's says {}, ours {})",
                apart.as_secs(),
                WINDOW.as_secs(),
                write(theirs),
                write(ours),
            )
        }
        _ => {
            let identity = &shared.identity;
            let of_id = match identity.worker_id.as_str() {
                "" => String::new(),
                id => format!(", the worker id {id:?}"),
            };
            format!(
                "registration refused: the controller does not accept the token, the provisioner {:?}{of_id} or the clock ({ended})",
                identity.provisioner
            )
        }
    };
    TransportError::Unauthorized { reason }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}

/// The controller's clock, to the second: every HTTP answer tells it.
async fn clock_of(shared: &Shared) -> Option<SystemTime> {
    greet(shared).await.ok()?.date
}

/// An answer of the controller to a question of no interest.
pub(super) async fn greet(shared: &Shared) -> Result<Greeting, TransportError> {
    let limits = Limits {
        within: shared.within,
        stall: None,
        body: BODY_LIMIT,
    };
    let request = Request::new(Method::GET, "/", limits);
    Ok(Greeting::from(&shared.http.send(&request).await?))
}
