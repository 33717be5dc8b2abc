//! Workers in programs that are not actix's: plain `#[tokio::main]`, of both kinds, and no
//! runtime at all.

use std::net::TcpListener;

use actix_web::{App, HttpServer, web};
use axon_worker::config::{Settings, Token};
use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::transport::memory::MemoryOrchestrator;
use axon_worker::{Error, Worker, WorkerBuilder, WorkerEvent};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::echo;

fn builder(orchestrator: &MemoryOrchestrator) -> WorkerBuilder {
    Worker::builder("test")
        .settings(Settings::default())
        .transport("memory", orchestrator.connect())
        .task("echo", echo)
}

/// An exchange without any HTTP library, for those want a runtime of actix's.
async fn exchange(port: u16, request: &str, header: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}content-length: 0\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Spawned, with its pages in a service of the host.
async fn spawned() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let worker = Worker::builder("test")
        .settings(orchestrator.worker_settings())
        .task("echo", echo)
        .spawn()
        .unwrap();
    let mut events = worker.events();
    let pages = worker.clone();
    let server = HttpServer::new(move || {
        let pages = axon_worker::web::routes(pages.clone());
        App::new().service(web::scope("/worker").configure(pages))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .unwrap();
    let port = server.addrs()[0].port();
    let server = server.run();
    let (handle, visit) = (server.handle(), async {
        let job = JobSpec::task("echo", json!({ "a": 1 }));
        let job = orchestrator.submit(job).await.unwrap();
        assert_eq!(job.finished().await.data, json!({ "a": 1 }));
        let health = exchange(port, "GET /worker/health", "").await;
        assert!(
            health.starts_with("HTTP/1.1 200") && health.ends_with("OK"),
            "{health}"
        );
        let status = exchange(port, "GET /worker/status", "").await;
        assert!(status.contains("\"succeeded\":1"), "{status}");
    });
    let stop = async {
        visit.await;
        handle.stop(false).await;
    };
    let (served, ()) = tokio::join!(server, stop);
    served.unwrap();
    assert!(worker.shutdown().await.is_clean());
    let mut ended = 0;
    while let Some(event) = events.next().await {
        ended += usize::from(matches!(event, WorkerEvent::TaskEnded { .. }));
    }
    assert_eq!(ended, 1);
    orchestrator.stop().await;
}

/// Run to its end, which the admin token brings about.
async fn run() {
    let port = (0..200)
        .map(|_| fastrand::u16(20_000..32_000))
        .find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .expect("a free port between 20000 and 32000");
    let orchestrator = MemoryOrchestrator::new();
    let worker = builder(&orchestrator).configure(move |settings| {
        settings.worker_port = port;
        settings.admin_token = Some(Token::from("secret"));
    });
    let drained = async {
        let id = orchestrator.submit("echo", &json!(1));
        orchestrator.result_of(&id).await;
        let answer = exchange(port, "POST /drain", "authorization: Bearer secret\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    };
    let (ended, ()) = tokio::join!(worker.run_with_health_check(), drained);
    ended.unwrap();
}

/// What needs a System says so, and takes nothing down.
async fn local() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = builder(&orchestrator).build().unwrap();
    let error = worker.spawn_local().await.unwrap_err();
    assert!(matches!(error, Error::NoSystem));
    let text = error.to_string();
    for word in ["actix System", "actix_rt::main", "Worker::spawn"] {
        assert!(text.contains(word), "{text}");
    }
}

async fn all() {
    spawned().await;
    run().await;
    local().await;
}

#[test]
fn a_worker_lives_in_a_runtime_of_tokio_with_many_threads() {
    #[tokio::main]
    async fn main() {
        all().await;
        // And on one of its threads.
        tokio::spawn(async {
            let orchestrator = MemoryOrchestrator::new();
            let worker = builder(&orchestrator).spawn().unwrap();
            let id = orchestrator.submit("echo", &json!(1));
            orchestrator.result_of(&id).await;
            assert!(worker.shutdown().await.is_clean());
        })
        .await
        .unwrap();
    }
    main();
}

#[test]
fn a_worker_lives_in_a_runtime_of_tokio_with_one_thread() {
    #[tokio::main(flavor = "current_thread")]
    async fn main() {
        all().await;
    }
    main();
}

#[test]
fn a_worker_lives_without_a_runtime() {
    let orchestrator = MemoryOrchestrator::new();
    let worker = builder(&orchestrator).spawn().unwrap();
    let id = orchestrator.submit("echo", &json!(1));
    // Any executor waits for it.
    let report = wait_for(async {
        orchestrator.result_of(&id).await;
        worker.shutdown().await
    });
    assert!(report.is_clean());
}

/// The least that runs a future.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
