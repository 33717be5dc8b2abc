//! A web service that is its own worker: it takes pictures over HTTP, hands the work to
//! itself, and shows what came of it.
//!
//! ```sh
//! cargo run --example embedded             # shows itself, and ends
//! cargo run --example embedded -- --serve  # stays, at http://127.0.0.1:8090/
//! ```
//!
//! | path | what |
//! |---|---|
//! | `GET /` | a page with a form and all pictures so far |
//! | `POST /pictures?name=cat.png` | takes the body as a picture, answers with its address |
//! | `GET /pictures/{id}` | how far it is, as JSON |
//! | `GET /pictures/{id}/small` | the small picture |
//! | `/worker/…` | the worker's own pages: status page, `health`, `ready`, `metrics`, ... |
//!
//! The orchestrator is one in memory, so that nothing needs to be installed. In a real
//! service it is elsewhere, and the part below "the worker" is all that is different.

mod demo;
mod shelf;
mod site;
mod work;

use std::error::Error;

use actix_web::{App, HttpServer, web};
use axon_worker::dev::DevOrchestrator;
use axon_worker::{Worker, WorkerEvents, blocking};
use shelf::Shelf;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let serve = std::env::args().any(|argument| argument == "--serve");
    let folder = tempfile::tempdir()?;
    let shelf = Shelf::new(folder.path());

    // The worker: on threads of its own, without signals, which are the host's.
    let orchestrator = DevOrchestrator::start().await?;
    let worker = Worker::builder("pictures")
        .settings(orchestrator.worker_settings())
        .data(shelf.clone())
        .task("shrink", blocking(work::shrink))
        .spawn()?;
    let listening = actix_rt::spawn(listen(worker.events(), shelf.clone()));

    // The service, with the worker's pages in a scope of its own.
    let host = web::Data::new(site::Host {
        orchestrator: orchestrator.clone(),
        shelf,
    });
    let pages = worker.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(host.clone())
            .app_data(web::PayloadConfig::new(site::LARGEST))
            .configure(site::routes)
            .service(web::scope("/worker").configure(axon_worker::web::routes(pages.clone())))
    })
    .workers(2)
    // Who has the status page open does not hold up the end for long.
    .shutdown_timeout(2)
    .bind(("127.0.0.1", if serve { 8090 } else { 0 }))?;
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    println!("the service: {url}/");
    println!("its worker:  {url}/worker/");

    // actix-web ends the server on SIGINT and SIGTERM, and then it is our turn.
    if serve {
        server.await?;
    } else {
        let handle = server.handle();
        let serving = actix_rt::spawn(server);
        demo::show(&url).await?;
        handle.stop(true).await;
        serving.await??;
    }
    let report = worker.shutdown().await;
    listening.await?;
    println!("the worker has ended: {report}");
    orchestrator.stop().await;
    Ok(())
}

/// Notes what happens in the worker, for the page.
async fn listen(mut events: WorkerEvents, shelf: Shelf) {
    while let Some(event) = events.next().await {
        shelf.note(&event);
    }
}
