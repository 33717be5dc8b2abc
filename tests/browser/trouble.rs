//! The worker goes away, and comes back.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use axon_worker::WorkerHandle;

use crate::stage::{Stage, row_of};

/// A port outside the range that outgoing connections draw from: nobody takes it while
/// nothing listens there.
fn free_port() -> u16 {
    (0..200)
        .map(|_| fastrand::u16(20_000..32_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port between 20000 and 32000")
}

/// The worker's pages on that port, below `/worker`.
fn serve(port: u16, worker: &WorkerHandle) -> ServerHandle {
    let worker = worker.clone();
    run(port, move |config| {
        let pages = axon_worker::web::routes(worker.clone());
        config.service(web::scope("/worker").configure(pages));
    })
}

fn run(
    port: u16,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> ServerHandle {
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .expect("the port")
        .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    handle
}

const STATE: &str = "document.querySelector('#state').innerText";

#[actix_rt::test]
async fn the_page_goes_on_when_its_server_is_back() {
    let stage = Stage::new(None).await;
    let port = free_port();
    let server = serve(port, &stage.worker);
    let page = stage.blank().await;
    // Without a slash at its end, too, the page finds its stream.
    page.open(&format!("http://127.0.0.1:{port}/worker")).await;
    page.until(&format!("{STATE} === 'idle'")).await;

    server.stop(false).await;
    page.until(&format!("{STATE} === 'no connection'")).await;
    page.until("document.body.classList.contains('stale')")
        .await;
    let id = stage
        .orchestrator
        .submit("render", &serde_json::json!({ "name": "film" }));

    // Something else answers there meanwhile: no stream, and the browser gives up.
    let other = run(port, |config| {
        config.default_service(web::to(|| async { HttpResponse::BadGateway().finish() }));
    });
    page.answered(502).await;
    other.stop(false).await;

    let server = serve(port, &stage.worker);
    page.until(&row_of(&id)).await;
    page.until(&format!(
        "{STATE} === 'working' && !document.body.classList.contains('stale')"
    ))
    .await;
    server.stop(false).await;
    stage.end().await;
}

#[actix_rt::test]
async fn a_service_may_outlive_its_worker() {
    let stage = Stage::new(None).await;
    let port = free_port();
    let server = serve(port, &stage.worker);
    let page = stage.blank().await;
    page.open(&format!("http://127.0.0.1:{port}/worker/")).await;
    page.until(&format!("{STATE} === 'idle'")).await;
    stage.worker.shutdown().await;
    page.until(&format!("{STATE} === 'ended'")).await;
    page.until(
        "/Not ready: the worker has ended/.test(document.querySelector('#notice').innerText)",
    )
    .await;
    server.stop(false).await;
}

#[actix_rt::test]
async fn a_page_that_nobody_sees_costs_the_worker_nothing() {
    let stage = Stage::new(None).await;
    let page = stage.page().await;
    let streams = || {
        let requests = page.requests();
        requests
            .iter()
            .filter(|url| url.ends_with("/stream"))
            .count()
    };
    assert_eq!(streams(), 1);
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange'));"
        )
    };
    page.value(&hide(true)).await;
    // The state changes, and the page does not hear of it.
    stage.worker.pause();
    let after_three_beats = "new Promise((done) => setTimeout(done, 3000))";
    page.value(after_three_beats).await;
    assert_eq!(page.value(STATE).await, "idle");
    page.value(&hide(false)).await;
    page.until(&format!("{STATE} === 'paused'")).await;
    assert_eq!(streams(), 2);
    stage.end().await;
}
