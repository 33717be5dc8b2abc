//! Access and refresh tokens that were given out (RXON 1.0b17).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::job::fresh_id;

/// How long refresh tokens live, as in avtomatika 1.0b30.
const REFRESH_LIFETIME: Duration = Duration::from_hours(24);

/// A pair of tokens and who they are for.
pub(crate) struct Issued {
    pub(crate) worker: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_in: Duration,
}

/// Why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("Unauthorized: Invalid refresh token (not found)")]
    NotFound,
    #[error("Unauthorized: Invalid refresh token (owner mismatch)")]
    OtherOwner,
}

/// The tokens that are valid. Old ones stay so until they expire, as in avtomatika 1.0b30.
#[derive(Default)]
pub(crate) struct Access {
    access: HashMap<String, Granted>,
    refresh: HashMap<String, Granted>,
}

struct Granted {
    worker: String,
    until: Instant,
}

/// Shows no token.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn issue(&mut self, worker: &str, lifetime: Duration, now: Instant) -> Issued {
        self.access.retain(|_, granted| granted.until > now);
        self.refresh.retain(|_, granted| granted.until > now);
        let until = |lifetime| Granted {
            worker: worker.to_owned(),
            until: now + lifetime,
        };
        let (access, refresh) = (fresh_id(), fresh_id());
        self.access.insert(access.clone(), until(lifetime));
        self.refresh
            .insert(refresh.clone(), until(REFRESH_LIFETIME));
        Issued {
            worker: worker.to_owned(),
            access,
            refresh,
            expires_in: lifetime,
        }
    }

    /// Whose access token this is, unless it has expired.
    pub(crate) fn owner(&self, token: &str, now: Instant) -> Option<&str> {
        let granted = self.access.get(token)?;
        (granted.until > now).then_some(&*granted.worker)
    }

    /// Whether `worker` may have new tokens for this refresh token.
    pub(crate) fn may_refresh(
        &self,
        token: &str,
        worker: &str,
        now: Instant,
    ) -> Result<(), Refused> {
        match self.refresh.get(token).filter(|it| it.until > now) {
            None => Err(Refused::NotFound),
            Some(granted) if granted.worker == worker => Ok(()),
            Some(_) => Err(Refused::OtherOwner),
        }
    }

    /// Nobody has an access token any more; refresh tokens stay valid.
    pub(crate) fn revoke(&mut self) {
        self.access.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_for_one_worker_and_for_some_time() {
        let now = Instant::now();
        let hour = Duration::from_hours(1);
        let mut access = Access::default();
        let first = access.issue("w", hour, now);
        assert_eq!(access.owner(&first.access, now), Some("w"));
        assert_eq!(access.owner(&first.access, now + hour), None);
        assert_eq!(access.owner(&first.refresh, now), None);
        let may = |token: &str, worker, later| access.may_refresh(token, worker, now + later);
        assert_eq!(may(&first.refresh, "w", hour), Ok(()));
        assert_eq!(may(&first.refresh, "v", hour), Err(Refused::OtherOwner));
        assert_eq!(may(&first.access, "w", hour), Err(Refused::NotFound));
        let too_late = Duration::from_hours(24);
        assert_eq!(may(&first.refresh, "w", too_late), Err(Refused::NotFound));
        assert!(!format!("{access:?}").contains(&first.access));
    }
}
