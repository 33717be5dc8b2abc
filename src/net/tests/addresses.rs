//! Happy Eyeballs.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::support::{FakeResolver, rules, target};
use crate::net::race::{in_turns, race};
use crate::net::{CONNECT_LIMIT, Connect};

fn v4(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 80))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, last], 80))
}

/// What an address does.
#[derive(Clone, Copy)]
enum Does {
    Connect(u64),
    Refuse(u64),
    Swallow,
}

/// Who won, or the text of the error; how long it took in milliseconds, and when each
/// attempt began.
struct Raced {
    result: Result<SocketAddr, String>,
    took: u128,
    began: Vec<(SocketAddr, u128)>,
}

/// tokio's timers end up to a millisecond late, each.
#[track_caller]
fn assert_near(took: u128, expected: u128) {
    assert!((expected..expected + 10).contains(&took), "{took} ms");
}

async fn run(addresses: &[(SocketAddr, Does)]) -> Raced {
    tokio::time::pause();
    let start = Instant::now();
    let does: HashMap<_, _> = addresses.iter().copied().collect();
    let began = std::cell::RefCell::new(Vec::new());
    let order = addresses.iter().map(|(address, _)| *address).collect();
    let result = race(order, CONNECT_LIMIT, |address| {
        let begin = (address, start.elapsed().as_millis());
        began.borrow_mut().push(begin);
        let does = does[&address];
        async move {
            match does {
                Does::Connect(after) => sleep(Duration::from_millis(after)).await,
                Does::Refuse(after) => {
                    sleep(Duration::from_millis(after)).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Does::Swallow => pending().await,
            }
            Ok(address)
        }
    });
    let result = result.await.map_err(|attempts| attempts.to_string());
    Raced {
        result,
        took: start.elapsed().as_millis(),
        began: began.into_inner(),
    }
}

#[actix_rt::test]
async fn the_second_address_gets_its_chance_when_the_first_swallows_packets() {
    let raced = run(&[(v6(1), Does::Swallow), (v4(1), Does::Connect(10))]).await;
    assert_eq!(raced.result, Ok(v4(1)));
    assert_near(raced.took, 260);
}

#[actix_rt::test]
async fn the_next_address_begins_at_once_when_one_fails() {
    let raced = run(&[
        (v6(1), Does::Refuse(20)),
        (v4(1), Does::Refuse(30)),
        (v6(2), Does::Connect(5)),
    ])
    .await;
    assert_eq!(raced.result, Ok(v6(2)));
    let (order, times): (Vec<_>, Vec<_>) = raced.began.into_iter().unzip();
    assert_eq!(order, [v6(1), v4(1), v6(2)]);
    assert_near(times[1], 20);
    assert_near(times[2], 50);
    assert_near(raced.took, 55);
}

#[actix_rt::test]
async fn a_slow_first_address_may_still_win() {
    let raced = run(&[(v6(1), Does::Connect(300)), (v4(1), Does::Connect(100))]).await;
    assert_eq!(raced.result, Ok(v6(1)));
    assert_near(raced.took, 300);
}

#[actix_rt::test]
async fn no_second_connection_is_begun_where_the_first_is_quick() {
    let raced = run(&[(v6(1), Does::Connect(249)), (v4(1), Does::Connect(0))]).await;
    assert_eq!(raced.result, Ok(v6(1)));
    assert_eq!(raced.began.len(), 1);
}

#[actix_rt::test]
async fn the_error_says_what_came_of_each_address() {
    let raced = run(&[(v6(1), Does::Swallow), (v4(1), Does::Refuse(0))]).await;
    let text = raced.result.unwrap_err();
    assert_eq!(
        text,
        "10.0.0.1:80 (connection refused), [fd00::1]:80 (no answer within 5 s)"
    );
    assert_near(raced.took, 5000);
}

#[actix_rt::test]
async fn addresses_that_all_refuse_end_the_race_at_once() {
    let raced = run(&[(v6(1), Does::Refuse(0)), (v4(1), Does::Refuse(0))]).await;
    assert!(raced.result.is_err());
    assert_near(raced.took, 0);
}

#[actix_rt::test]
async fn silent_addresses_without_end_are_held_to_the_limit() {
    let many: Vec<_> = (0..100).map(|i| (v4(i), Does::Swallow)).collect();
    let raced = run(&many).await;
    let text = raced.result.unwrap_err();
    assert!(text.ends_with(", and 16 more, 80 not tried"), "{text}");
    assert!(text.len() < 300, "{text}");
    assert_near(raced.took, 5000);
}

#[actix_rt::test]
async fn a_host_without_addresses_is_an_error_that_says_so() {
    let raced = run(&[]).await;
    assert_eq!(raced.result, Err("it has no addresses".to_owned()));
    assert_near(raced.took, 0);
}

#[test]
fn families_take_turns_and_keep_their_order() {
    let given = vec![v6(1), v6(2), v6(3), v4(1), v4(2)];
    assert_eq!(in_turns(given), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
    // The system prefers IPv4 where there is no way to other IPv6 networks.
    let given = vec![v4(1), v4(2), v6(1)];
    assert_eq!(in_turns(given), [v4(1), v6(1), v4(2)]);
    assert_eq!(in_turns(Vec::new()), []);
}

proptest! {
    #[test]
    fn turns_lose_no_address_and_keep_the_order_of_families(
        given in prop::collection::vec(any::<(bool, u8)>(), 0..12),
    ) {
        let given: Vec<_> = given
            .into_iter()
            .map(|(is_v6, last)| {
                let ip = if is_v6 {
                    IpAddr::V6(Ipv6Addr::from(u128::from(last)))
                } else {
                    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
                };
                SocketAddr::new(ip, 80)
            })
            .collect();
        let sorted = in_turns(given.clone());
        prop_assert_eq!(sorted.first(), given.first());
        for is_v6 in [false, true] {
            let family = |all: &[SocketAddr]| -> Vec<_> {
                all.iter().filter(|it| it.is_ipv6() == is_v6).copied().collect()
            };
            prop_assert_eq!(family(&sorted), family(&given));
        }
        // Two of a family follow each other only when the other has run out.
        let odd = sorted.windows(2).position(|it| it[0].is_ipv6() == it[1].is_ipv6());
        if let Some(odd) = odd {
            let rest = &sorted[odd..];
            prop_assert!(rest.iter().all(|it| it.is_ipv6() == rest[0].is_ipv6()));
        }
    }
}

/// Linux drops further SYNs when the accept queue of a listener is full.
#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn a_connection_comes_about_beside_an_address_that_swallows_packets() {
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::timeout;

    // Two addresses with one port: the second bind fails now and then.
    let (listener, silent, port) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = TcpSocket::new_v4().unwrap();
        if silent
            .bind(SocketAddr::from(([127, 0, 0, 2], port)))
            .is_ok()
        {
            break (listener, silent.listen(1).unwrap(), port);
        }
    };
    let swallows = silent.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        timeout(Duration::from_millis(200), TcpStream::connect(swallows)).await
    {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue does not get full");
    }

    let addresses = [swallows, listener.local_addr().unwrap()];
    let resolver = FakeResolver::new(&addresses, Some(Duration::ZERO));
    let connect = Connect::with_resolver(rules(&[]), resolver);
    let start = Instant::now();
    let target = target(&format!("http://two.test:{port}"));
    let stream = connect.open(&target, Vec::new()).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
    assert!(stream.nodelay().unwrap());
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(250) && took < CONNECT_LIMIT,
        "{took:?}"
    );
}
