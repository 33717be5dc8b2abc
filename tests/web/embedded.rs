//! Pages as a part of somebody else's service, and events for its parts.

use actix::prelude::*;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Worker, WorkerEvent, WorkerHandle, config::Settings};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::mpsc;

use crate::echo;
use crate::until::until;

fn worker(kind: &str, orchestrator: &MemoryOrchestrator) -> WorkerHandle {
    Worker::builder(kind)
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
        .spawn()
        .expect("started")
}

/// Somebody's service, and its port.
fn serve(routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> (u16, ServerHandle) {
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .expect("a port");
    let port = server.addrs()[0].port();
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    (port, handle)
}

#[actix_rt::test]
async fn two_workers_share_a_service_and_its_port() {
    let (one, two) = (MemoryOrchestrator::new(), MemoryOrchestrator::new());
    let workers = [worker("first", &one), worker("second", &two)];
    let pages = workers.clone();
    let (port, handle) = serve(move |app| {
        let [first, second] = pages.clone();
        app.service(web::scope("/first").configure(axon_worker::web::routes(first)));
        app.service(web::scope("/second").configure(axon_worker::web::routes(second)));
    });
    for (scope, worker) in ["first", "second"].iter().zip(&workers) {
        for path in ["", "/", "/health", "/status"] {
            let url = format!("http://127.0.0.1:{port}/{scope}{path}");
            let mut answer = awc::Client::default()
                .get(&url)
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status(), 200, "{url}");
            let body = answer.body().await.expect("a body");
            if path == "/status" {
                let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                assert_eq!(body["worker_type"], **scope);
                assert_eq!(body["worker_id"], worker.worker_id().as_str());
            }
        }
    }
    for worker in &workers {
        worker.shutdown().await;
    }
    handle.stop(false).await;
}

#[actix_rt::test]
async fn a_service_that_outlives_its_worker_says_so_and_ends_its_streams() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker("mortal", &orchestrator);
    let pages = worker.clone();
    let (port, handle) = serve(move |app| {
        app.configure(axon_worker::web::routes(pages.clone()));
    });
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        awc::Client::default().get(url).send()
    };
    let mut stream = get("/stream").await.expect("an answer");
    let first = stream.next().await.expect("an event").unwrap();
    assert!(String::from_utf8_lossy(&first).contains("\"ended\":false"));
    worker.shutdown().await;
    let mut last = first;
    while let Some(event) = stream.next().await {
        last = event.unwrap();
    }
    assert!(String::from_utf8_lossy(&last).contains("\"ended\":true"));
    for path in ["/health", "/ready"] {
        let mut answer = get(path).await.expect("an answer");
        let body = answer.body().await.expect("a body");
        assert_eq!(answer.status(), 503, "{path}");
        let body = String::from_utf8_lossy(&body);
        assert!(
            body.contains("[\"the worker has ended\"]"),
            "{path}: {body}"
        );
    }
    handle.stop(false).await;
}

/// Passes on what it hears.
struct Listener(mpsc::UnboundedSender<String>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<WorkerEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: WorkerEvent, _: &mut Self::Context) {
        let word = match event {
            WorkerEvent::Registered { orchestrator } => format!("registered at {orchestrator}"),
            WorkerEvent::TaskStarted { name, .. } => format!("{name} starts"),
            WorkerEvent::TaskEnded { name, outcome, .. } => format!("{name} {}", outcome.status()),
            WorkerEvent::ResultDelivered { .. } => "delivered".to_owned(),
            WorkerEvent::Draining => "draining".to_owned(),
            WorkerEvent::Ended => "ended".to_owned(),
            other => format!("{other:?}"),
        };
        let _ = self.0.send(word);
    }
}

#[actix_rt::test]
async fn an_actor_hears_what_happens_in_its_order() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = worker("heard", &orchestrator);
    until("it is registered", || worker.status().registered == 1).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let listener = Listener(tell).start();
    worker.subscribe(listener.recipient());
    let mut events = worker.events();
    let id = orchestrator.submit("echo", &json!({}));
    orchestrator.result_of(&id).await;
    let mut streamed = 0;
    while !matches!(
        events.next().await,
        Some(WorkerEvent::ResultDelivered { .. })
    ) {
        streamed += 1;
    }
    assert_eq!(streamed, 2, "start and end of the task");
    worker.shutdown().await;
    while let Some(event) = events.next().await {
        assert!(matches!(event, WorkerEvent::Draining | WorkerEvent::Ended));
    }
    // The worker had the only address of the actor, which ends with it.
    drop(worker);
    let mut heard = Vec::new();
    while let Some(word) = told.recv().await {
        heard.push(word);
    }
    assert_eq!(
        heard,
        [
            "echo starts",
            "echo success",
            "delivered",
            "draining",
            "ended"
        ]
    );
}
