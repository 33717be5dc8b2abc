//! The worker's own port: where it listens, by which names it is asked, and in what form it
//! tells its metrics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use axon_worker::config::Settings;
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Worker, WorkerHandle};

use crate::echo;

fn worker(change: fn(&mut Settings)) -> WorkerHandle {
    let orchestrator = MemoryOrchestrator::new();
    Worker::builder("test")
        .settings(Settings::default())
        .configure(|settings| settings.worker_port = 0)
        .configure(change)
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .build()
        .unwrap()
        .with_health_check()
        .spawn()
        .unwrap()
}

fn reaches(host: impl Into<IpAddr>, worker: &WorkerHandle) -> bool {
    let port = worker.health_address().expect("a server").port();
    TcpStream::connect(SocketAddr::new(host.into(), port)).is_ok()
}

fn machine_has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[actix_rt::test]
async fn the_port_is_open_to_both_kinds_of_addresses() {
    let worker = worker(|_| {});
    assert!(reaches(Ipv4Addr::LOCALHOST, &worker));
    assert_eq!(reaches(Ipv6Addr::LOCALHOST, &worker), machine_has_ipv6());
    worker.shutdown().await;
}

#[actix_rt::test]
async fn the_port_is_open_to_one_address_if_one_is_set() {
    let worker = worker(|settings| settings.worker_host = Some(Ipv4Addr::LOCALHOST.into()));
    assert!(reaches(Ipv4Addr::LOCALHOST, &worker));
    assert!(!reaches(Ipv6Addr::LOCALHOST, &worker));
    assert!(!reaches(Ipv4Addr::new(127, 0, 0, 2), &worker));
    worker.shutdown().await;
}

/// Asks with these headers; status, content type and body.
async fn ask(worker: &WorkerHandle, path: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let port = worker.health_address().expect("a server").port();
    let mut request = awc::Client::default().get(format!("http://127.0.0.1:{port}{path}"));
    for header in headers {
        request = request.insert_header(*header);
    }
    let mut answer = request.send().await.expect("an answer");
    let kind = answer.headers().get("content-type");
    let kind = kind.map_or("", |it| it.to_str().unwrap()).to_owned();
    let body = answer.body().await.expect("a body");
    let body = String::from_utf8_lossy(&body).into_owned();
    (answer.status().as_u16(), kind, body)
}

#[actix_rt::test]
async fn a_page_of_a_stranger_cannot_read_the_status_by_its_own_name() {
    let worker = worker(|settings| settings.allowed_hosts = vec!["w.example.com".to_owned()]);
    let stranger = [("host", "evil.example:8083")];
    for path in ["/", "/status", "/stream", "/metrics"] {
        let (status, _, body) = ask(&worker, path, &stranger).await;
        assert_eq!(status, 421, "{path}");
        assert!(body.contains("AXON_ALLOWED_HOSTS"), "{path}: {body}");
    }
    // Probes tell nothing, by whatever name.
    assert_eq!(ask(&worker, "/health", &stranger).await.0, 200);
    for host in ["localhost:1", "10.0.0.1:8083", "worker", "w.example.com"] {
        let (status, ..) = ask(&worker, "/status", &[("host", host)]).await;
        assert_eq!(status, 200, "{host}");
    }
    worker.shutdown().await;
}

#[cfg(feature = "metrics")]
#[actix_rt::test]
async fn metrics_have_the_form_that_was_asked_for() {
    let worker = worker(|_| {});
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;\
                      version=0.0.4;q=0.3,*/*;q=0.1";
    for accept in ["application/openmetrics-text", "*/*", prometheus] {
        let (_, kind, body) = ask(&worker, "/metrics", &[("accept", accept)]).await;
        assert!(
            kind.starts_with("application/openmetrics-text"),
            "{accept}: {kind}"
        );
        assert!(body.ends_with("# EOF\n"), "{accept}");
    }
    let older = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
    for accept in ["text/plain", "text/plain; version=0.0.4", older] {
        let (_, kind, body) = ask(&worker, "/metrics", &[("accept", accept)]).await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        assert!(body.contains("# TYPE axon_build_info gauge\n"), "{body}");
        assert!(body.contains("# TYPE axon_tasks_total counter\n"), "{body}");
        assert!(!body.contains("EOF") && !body.contains("UNIT"), "{body}");
    }
    worker.shutdown().await;
}
