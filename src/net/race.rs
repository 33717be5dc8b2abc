//! Happy Eyeballs (RFC 8305): connections to all addresses of a host, a new one every
//! 250 ms, of which the first to come about wins.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::error::Attempts;

/// The head start of each address over the next.
const DELAY: Duration = Duration::from_millis(250);

/// Sorts addresses so that the families take turns. The first address stays the first, as
/// the system prefers it, and each family keeps its order.
pub(super) fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let count = addresses.len();
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_v6);

    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut sorted = Vec::with_capacity(count);
    while sorted.len() < count {
        sorted.extend(first.next());
        sorted.extend(second.next());
    }
    sorted
}

/// Connects to the addresses in this order. The next one begins 250 ms after the last, or
/// as soon as one fails. The first connection that comes about is returned and the other
/// attempts are dropped. Ends within the limit.
pub(super) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    limit: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Attempts>
where
    F: Future<Output = io::Result<T>>,
{
    let end = Instant::now() + limit;
    let mut next = Instant::now();
    let mut waiting = addresses.into_iter();
    let mut silent = Vec::new();
    let mut running = FuturesUnordered::new();
    let mut attempts = Attempts::new();

    while waiting.len() > 0 || !running.is_empty() {
        tokio::select! {
            // A connection counts even if the time is over in the same moment.
            biased;
            Some((address, connected)) = running.next() => match connected {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    silent.retain(|other| *other != address);
                    attempts.failed(address, &error);
                    next = Instant::now();
                }
            },
            () = sleep_until(end) => {
                attempts.ended(limit, silent, waiting.len());
                return Err(attempts);
            }
            () = sleep_until(next), if waiting.len() > 0 => {
                if let Some(address) = waiting.next() {
                    silent.push(address);
                    let connecting = connect(address);
                    running.push(async move { (address, connecting.await) });
                    next = Instant::now() + DELAY;
                }
            }
        }
    }
    Err(attempts)
}
