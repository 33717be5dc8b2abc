//! `check` where the environment names proxies.

use axon_worker::dev::DevOrchestrator;

use crate::program::Program;
use crate::server::{ACCESS_KEY, SECRET_KEY, Server};
use crate::strangers;

#[actix_rt::test]
async fn the_route_to_each_thing_is_shown_without_passwords() {
    let orchestrator = DevOrchestrator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let storage = Server::start();
    // A server takes requests in the form for proxies as well.
    let http = format!("http://user:hunter2@{}", storage.address);
    let https = format!("http://user:hunter2@127.0.0.1:{}", strangers::proxy());
    let report = Program::check(&orchestrator.url(), folder.path())
        .env("HTTP_PROXY", &http)
        .env("HTTPS_PROXY", &https)
        .env("NO_PROXY", "127.0.0.0/8")
        .env("S3_ENDPOINT_URL", "http://s3.test:9000")
        .env("S3_ACCESS_KEY", ACCESS_KEY)
        .env("S3_SECRET_KEY", SECRET_KEY)
        .env("S3_DEFAULT_BUCKET", "results")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.test")
        .report();

    report.says("orchestrator", "route", "ok", "direct");
    report.says("orchestrator", "HTTP", "ok", "");
    let shown = format!("through proxy http://{} (HTTP_PROXY)", storage.address);
    report.says("storage", "route", "ok", &shown);
    report.says("storage", "get", "ok", "");
    report.says("collector", "route", "ok", "(HTTPS_PROXY)");
    // Tasks run without it.
    report.says("collector", "TCP", "warn", "403 Forbidden");
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(!report.json.to_string().contains("hunter2"), "{report:?}");
}

#[actix_rt::test]
async fn an_orchestrator_is_reached_through_the_tunnel_of_a_proxy() {
    let orchestrator = DevOrchestrator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let proxy = format!("127.0.0.1:{}", strangers::proxy());
    let report = Program::check(&orchestrator.url(), folder.path())
        .env("http_proxy", &proxy)
        .report();
    assert_eq!(report.code, Some(0), "{report:?}");
    let shown = format!("through proxy http://{proxy} (http_proxy)");
    report.says("orchestrator", "route", "ok", &shown);
    let shown = format!("the proxy at {proxy} opened a tunnel");
    report.says("orchestrator", "TCP", "ok", &shown);
}

#[test]
fn a_refused_tunnel_and_a_proxy_that_cannot_be_used_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = format!("127.0.0.1:{}", strangers::proxy());
    let report = Program::check("http://orchestrator.test", folder.path())
        .env("ALL_PROXY", &proxy)
        .report();
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "TCP", "fail", "403 Forbidden");
    report.says("orchestrator", "TCP", "fail", "NO_PROXY");

    let report = Program::check("http://orchestrator.test", folder.path())
        .env("ALL_PROXY", "socks5://user:hunter2@localhost")
        .report();
    assert_eq!(report.code, Some(1));
    assert_eq!(report.with("fail"), ["orchestrator route"]);
    report.says("orchestrator", "route", "fail", "ALL_PROXY cannot be used");
    assert!(!report.json.to_string().contains("hunter2"), "{report:?}");
}
