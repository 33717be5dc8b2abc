//! Lookups that take long, with a resolver that stands in for the system's.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use super::support::{FakeResolver, rules, target};
use crate::net::Connect;
use crate::net::lookup::Lookups;

const NAME: &str = "orchestrator.test";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn silent_for(after: Option<u64>) -> (Arc<FakeResolver>, Lookups) {
    tokio::time::pause();
    let address = "127.0.0.1:0".parse().unwrap();
    let resolver = FakeResolver::new(&[address], after.map(seconds));
    (resolver.clone(), Lookups::new(resolver))
}

#[actix_rt::test]
async fn a_first_name_server_that_is_silent_is_outwaited() {
    let (resolver, lookups) = silent_for(Some(12));
    assert_eq!(lookups.resolve(NAME).await.unwrap().len(), 1);
    assert_eq!(resolver.asked(), [NAME]);
}

#[actix_rt::test]
async fn a_lookup_goes_on_beside_the_next_attempt() {
    let (resolver, lookups) = silent_for(Some(12));
    let start = Instant::now();
    for _ in 0..2 {
        assert!(timeout(seconds(5), lookups.resolve(NAME)).await.is_err());
    }
    let third = timeout(seconds(5), lookups.resolve(NAME)).await;
    assert_eq!(third.expect("it joined").unwrap().len(), 1);
    assert_eq!(start.elapsed().as_secs(), 12);
    assert_eq!(resolver.asked(), [NAME]);
}

#[actix_rt::test]
async fn attempts_at_the_same_time_share_a_lookup() {
    let (resolver, lookups) = silent_for(Some(3));
    let (one, two, other) = tokio::join!(
        lookups.resolve(NAME),
        lookups.resolve(NAME),
        lookups.resolve("other.test")
    );
    assert!(one.is_ok() && two.is_ok() && other.is_ok());
    assert_eq!(resolver.asked(), [NAME, "other.test"]);
}

#[actix_rt::test]
async fn an_answer_between_two_attempts_is_there_for_the_second() {
    let (resolver, lookups) = silent_for(Some(12));
    assert!(timeout(seconds(5), lookups.resolve(NAME)).await.is_err());
    sleep(seconds(15)).await;
    let second = timeout(Duration::from_millis(1), lookups.resolve(NAME)).await;
    assert!(second.expect("it is there").is_ok());
    assert_eq!(resolver.asked().len(), 1);
}

#[actix_rt::test]
async fn an_answer_that_nobody_came_for_grows_old() {
    let (resolver, lookups) = silent_for(Some(12));
    assert!(timeout(seconds(5), lookups.resolve(NAME)).await.is_err());
    sleep(seconds(60)).await;
    assert!(lookups.resolve(NAME).await.is_ok());
    assert_eq!(resolver.asked().len(), 2);
}

#[actix_rt::test]
async fn a_new_connection_asks_anew() {
    let (resolver, lookups) = silent_for(Some(0));
    for _ in 0..3 {
        assert!(lookups.resolve(NAME).await.is_ok());
    }
    assert_eq!(resolver.asked().len(), 3);
}

#[actix_rt::test]
async fn name_servers_that_never_answer_end_an_attempt_after_15_seconds() {
    let (resolver, lookups) = silent_for(None);
    for attempt in 1..=10 {
        let start = Instant::now();
        let error = lookups.resolve(NAME).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the name lookup of orchestrator.test took longer than 15 s"
        );
        assert_eq!(start.elapsed().as_secs(), 15, "attempt {attempt}");
    }
    assert_eq!(resolver.asked().len(), 1, "one thread is enough for them");
}

#[actix_rt::test]
async fn addresses_are_not_looked_up() {
    let (resolver, lookups) = silent_for(None);
    for host in ["127.0.0.1", "::1"] {
        let found = lookups.resolve(host).await.unwrap();
        assert_eq!(found[0].ip().to_string(), host);
    }
    assert!(resolver.asked().is_empty());
}

#[actix_rt::test]
async fn a_connection_comes_about_although_the_first_name_server_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let resolver = FakeResolver::new(&[at], Some(seconds(12)));
    let connect = Connect::with_resolver(rules(&[]), resolver.clone());
    let target = target(&format!("http://{NAME}:{}", at.port()));

    tokio::time::pause();
    let first = timeout(seconds(10), connect.open(&target, Vec::new())).await;
    assert!(first.is_err(), "as a request ends that may take 10 s");
    let second = timeout(seconds(10), connect.open(&target, Vec::new())).await;
    let stream = second.expect("it joined").unwrap();
    assert_eq!(stream.peer_addr().unwrap(), at);
    assert_eq!(resolver.asked().len(), 1);
}

#[actix_rt::test]
async fn awc_tells_that_the_lookup_took_too_long() {
    tokio::time::pause();
    let resolver = FakeResolver::new(&[], None);
    let connect = Connect::with_resolver(rules(&[]), resolver);
    let connector = awc::Connector::new().connector(connect);
    let client = awc::Client::builder()
        .connector(connector.timeout(Connect::TIMEOUT))
        .finish();
    let request = client.get("http://orchestrator.test/").timeout(seconds(60));
    let error = request.send().await.unwrap_err().to_string();
    assert!(
        error.ends_with("the name lookup of orchestrator.test took longer than 15 s"),
        "{error}"
    );
}

#[actix_rt::test]
async fn the_resolver_of_the_system_knows_localhost() {
    let connect = Connect::new(rules(&[]));
    let found = connect.0.lookups.resolve("localhost").await.unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback()));
    assert!(!found.is_empty());
}
