//! Connections that wait for the next request. The one used last is used first, so that
//! those a quieter time has no need for grow old and are closed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Repeat;
use super::connection::Connection;

/// Common servers close idle connections after 5 s at the earliest. A request that meets
/// the closing of its connection may be lost, and one that must not be repeated goes over
/// no connection that has been idle for longer than this.
const FRESH: Duration = Duration::from_secs(4);

/// The others, heartbeats first of all, save themselves a new connection and its TLS
/// handshake: many servers and proxies are patient for a minute or more.
const OLD: Duration = Duration::from_secs(55);

/// The idle connections to one server.
#[derive(Default)]
pub(super) struct IdleConnections {
    /// In the order in which they became idle, by the clock of the machine: it is the
    /// server's patience that counts. In boxes, as they come and go with each request.
    waiting: RefCell<VecDeque<(Box<Connection>, Instant)>>,
}

impl IdleConnections {
    /// One that can be used for such a request, if there is any.
    pub(super) fn take(&self, repeat: Repeat, now: Instant) -> Option<Box<Connection>> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some((_, since)) = waiting.front()
            && now - *since > OLD
        {
            waiting.pop_front();
        }
        while let Some((_, since)) = waiting.back()
            && now - *since <= patience(repeat)
        {
            let (mut connection, _) = waiting.pop_back()?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, connection: Box<Connection>) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push_back((connection, Instant::now()));
    }
}

/// How long a connection may have been idle.
fn patience(repeat: Repeat) -> Duration {
    match repeat {
        Repeat::Never => FRESH,
        Repeat::OnceIfClosed => OLD,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::super::connect::Stream;
    use super::*;

    #[actix_rt::test]
    async fn what_must_not_be_repeated_goes_over_no_old_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peers = Vec::new();
        let idle = IdleConnections::default();
        let began = Instant::now();
        let now = began + OLD + Duration::from_millis(1);
        for since in [began, began + Duration::from_secs(51), now] {
            let stream = TcpStream::connect(address).await.unwrap();
            peers.push(listener.accept().await.unwrap());
            let connection = Box::new(Connection::new(Stream::plain(stream)));
            idle.waiting.borrow_mut().push_back((connection, since));
        }
        assert!(idle.take(Repeat::Never, now).is_some(), "a fresh one");
        assert_eq!(idle.waiting.borrow().len(), 1, "the oldest is closed");
        assert!(idle.take(Repeat::Never, now).is_none());
        assert!(idle.take(Repeat::OnceIfClosed, now).is_some());
        assert!(idle.take(Repeat::OnceIfClosed, now).is_none());
    }
}
