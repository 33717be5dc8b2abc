//! Connections through a proxy on loopback, most of them made by awc.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::support::{Does, FakeResolver, TestProxy, origin, rules, target};
use crate::net::{Connect, NetError, tunnel};

/// Knows no name but that of the proxy, so that a lookup of the target would be noticed.
fn connect(vars: &[(&str, &str)]) -> (Connect, Arc<FakeResolver>) {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let resolver = FakeResolver::new(&[loopback], Some(Duration::ZERO));
    let connect = Connect::with_resolver(rules(vars), resolver.clone());
    (connect, resolver)
}

fn client(connect: Connect) -> awc::Client {
    let connector = awc::Connector::new().connector(connect);
    awc::Client::builder()
        .connector(connector.timeout(Connect::TIMEOUT))
        .timeout(Duration::from_mins(1))
        .finish()
}

async fn fails(does: Does, url: &str, credentials: &str) -> String {
    let proxy = TestProxy::new(does).await;
    let address = format!("http://{credentials}{}", proxy.at);
    let (connect, _) = connect(&[("ALL_PROXY", &address)]);
    let error = connect.open(&target(url), Vec::new()).await.unwrap_err();
    let text = error.to_string();
    let name = format!("proxy http://{} (ALL_PROXY) ", proxy.at);
    assert!(text.starts_with(&name), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    text.replace(&name, "")
}

#[actix_rt::test]
async fn a_request_goes_through_the_tunnel_of_a_proxy() {
    let proxy = TestProxy::new(Does::Tunnel(origin().await)).await;
    let address = format!("http://proxy.test:{}", proxy.at.port());
    let (connect, resolver) = connect(&[("http_proxy", &address)]);
    let client = client(connect);
    for _ in 0..2 {
        let request = client.get("http://orchestrator.test:8080/x");
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.body().await.unwrap(), "ok");
    }
    assert_eq!(
        proxy.requests(),
        ["CONNECT orchestrator.test:8080 HTTP/1.1"],
        "one tunnel for both requests"
    );
    assert_eq!(resolver.asked(), ["proxy.test"]);
}

#[actix_rt::test]
async fn hosts_in_no_proxy_do_not_go_through_it() {
    let proxy = TestProxy::new(Does::Nothing).await;
    let origin = origin().await;
    let address = proxy.at.to_string();
    let (connect, _) = connect(&[("http_proxy", &address), ("no_proxy", "orchestrator.test")]);
    let url = format!("http://orchestrator.test:{}/", origin.port());
    let mut answer = client(connect).get(url).send().await.unwrap();
    assert_eq!(answer.body().await.unwrap(), "ok");
    assert!(proxy.requests().is_empty());
}

#[actix_rt::test]
async fn an_address_given_by_the_caller_is_taken() {
    let proxy = TestProxy::new(Does::Nothing).await;
    let (connect, resolver) = connect(&[("http_proxy", &proxy.at.to_string())]);
    let request = client(connect).get("http://orchestrator.test/");
    let mut answer = request.address(origin().await).send().await.unwrap();
    assert_eq!(answer.body().await.unwrap(), "ok");
    assert!(resolver.asked().is_empty());
}

#[actix_rt::test]
async fn user_and_password_are_told_to_the_proxy() {
    // "user:p@ss"
    let wanted = "Basic dXNlcjpwQHNz";
    let proxy = TestProxy::new(Does::TunnelFor(wanted, origin().await)).await;
    let address = format!("http://user:p%40ss@{}", proxy.at);
    let (connect, _) = connect(&[("ALL_PROXY", &address)]);
    let request = client(connect).get("http://orchestrator.test/");
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.body().await.unwrap(), "ok");
}

#[actix_rt::test]
async fn a_proxy_that_wants_a_password_is_told_apart_from_one_that_wants_another() {
    let to = SocketAddr::from(([127, 0, 0, 1], 1));
    let does = Does::TunnelFor("Basic other", to);
    let text = fails(does.clone(), "https://a", "").await;
    assert_eq!(
        text,
        "opens no tunnel to a:443: it answers 407 Proxy Authentication Required; \
         set ALL_PROXY to http://user:password@host:port"
    );
    let text = fails(does, "https://a", "u:hunter2@").await;
    assert!(
        text.ends_with("it does not take the user and password in ALL_PROXY"),
        "{text}"
    );
}

#[actix_rt::test]
async fn a_refused_tunnel_says_the_status_and_for_http_the_remedy() {
    let refusal = "HTTP/1.1 405 hunter2\r\ncontent-length: 7\r\n\r\nhunter2";
    let text = fails(Does::Answer(refusal), "http://a", "u:hunter2@").await;
    assert_eq!(
        text,
        "opens no tunnel to a:80: it answers 405 Method Not Allowed; http:// goes through a \
         tunnel, too, and this proxy may allow them for https:// only: name a in NO_PROXY"
    );
    for (status, name) in [
        ("HTTP/1.1 403 x\r\n\r\n", "403 Forbidden"),
        ("HTTP/1.1 501 x\r\n\r\n", "501 Not Implemented"),
    ] {
        let text = fails(Does::Answer(status), "ws://a", "").await;
        assert!(text.contains(name) && text.contains("NO_PROXY"), "{text}");
        let text = fails(Does::Answer(status), "https://a", "").await;
        assert_eq!(text, format!("opens no tunnel to a:443: it answers {name}"));
    }
    let down = Does::Answer("HTTP/1.1 502 x\r\n\r\n");
    let text = fails(down, "http://a", "").await;
    assert_eq!(text, "opens no tunnel to a:80: it answers 502 Bad Gateway");
}

#[actix_rt::test]
async fn a_proxy_that_misbehaves_is_named() {
    for (does, reason) in [
        (Does::Close, "it closes the connection without an answer"),
        (
            Does::Answer("SSH-2.0-x\r\n"),
            "it answers something that is not HTTP",
        ),
        (
            Does::Answer("HTTP/1.1 200 OK\r\n\r\nhello"),
            "it sends more than the head of an answer",
        ),
        (Does::Flood, "the head of its answer is longer than 16 KiB"),
    ] {
        let text = fails(does, "https://a", "u:hunter2@").await;
        assert_eq!(text, format!("opens no tunnel to a:443: {reason}"));
    }
}

#[actix_rt::test]
async fn a_silent_proxy_is_given_up_in_time() {
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let text = fails(Does::Nothing, "https://a", "").await;
    assert_eq!(
        text,
        "opens no tunnel to a:443: it does not answer within 8 s"
    );
    assert_eq!(start.elapsed().as_secs(), tunnel::LIMIT.as_secs());
}

#[actix_rt::test]
async fn a_proxy_that_is_not_there_is_named_with_its_addresses() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let address = format!("http://u:hunter2@proxy.test:{port}");
    let (connect, _) = connect(&[("HTTPS_PROXY", &address)]);
    let opened = connect.open(&target("https://a"), Vec::new()).await;
    let error = opened.unwrap_err();
    assert!(matches!(error, NetError::Proxy { .. }));
    let text = std::io::Error::from(error);
    assert_eq!(text.kind(), std::io::ErrorKind::ConnectionRefused);
    let text = text.to_string();
    assert!(
        text.starts_with(&format!(
            "proxy http://proxy.test:{port} (HTTPS_PROXY): no connection to proxy.test:{port}: \
             127.0.0.1:{port} ("
        )),
        "{text}"
    );
}

#[cfg(any(feature = "s3", feature = "otlp"))]
#[actix_rt::test]
async fn clients_of_reqwest_go_by_the_same_rules() {
    let proxy = TestProxy::new(Does::Answer("HTTP/1.1 403 x\r\n\r\n")).await;
    let origin = origin().await;
    let address = format!("http://u:hunter2@{}", proxy.at);
    let rules = rules(&[("ALL_PROXY", &address), ("NO_PROXY", "127.0.0.1")]);
    let url = format!("http://{origin}/");
    let client = reqwest::Client::builder()
        .proxy(rules.clone().for_reqwest(&url).unwrap())
        .build()
        .unwrap();

    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert!(proxy.requests().is_empty());

    let error = client.get("https://s3.test/x").send().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
    let _ = client.get("http://s3.test/x").send().await;
    assert_eq!(
        proxy.requests(),
        [
            "CONNECT s3.test:443 HTTP/1.1",
            "GET http://s3.test/x HTTP/1.1"
        ]
    );

    let bad = self::rules(&[("ALL_PROXY", "socks5://p")]);
    assert!(bad.for_reqwest("http://s3.test").is_err());
}

#[cfg(feature = "tls")]
mod with_tls {
    use std::sync::Arc;

    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::super::support::{Does, TestProxy, answer_requests};
    use super::{Connect, Duration, connect};

    /// A server for `orchestrator.test`, and what a client trusts.
    async fn secured_origin() -> (std::net::SocketAddr, Arc<ClientConfig>) {
        let names = ["orchestrator.test".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.clone()],
                PrivatePkcs8KeyDer::from(key).into(),
            )
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        actix_rt::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(server));
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    actix_rt::spawn(answer_requests(stream));
                }
            }
        });
        (at, Arc::new(client))
    }

    #[actix_rt::test]
    async fn tls_goes_through_the_tunnel_to_the_host_behind_it() {
        let (origin, config) = secured_origin().await;
        let proxy = TestProxy::new(Does::Tunnel(origin)).await;
        let (connect, _) = connect(&[("HTTPS_PROXY", &proxy.at.to_string())]);
        let connector = awc::Connector::new()
            .connector(connect)
            .timeout(Connect::TIMEOUT)
            .rustls_0_23(config);
        let client = awc::Client::builder()
            .connector(connector)
            .timeout(Duration::from_mins(1))
            .finish();
        let request = client.get("https://orchestrator.test/");
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.body().await.unwrap(), "ok");
        assert_eq!(proxy.requests(), ["CONNECT orchestrator.test:443 HTTP/1.1"]);
    }
}
