//! A task handler that is an actor of a web service: tasks from an orchestrator and HTTP
//! requests meet in one mailbox, so the stock needs no lock.
//!
//! ```sh
//! cargo run --example actor
//! ```

use actix::prelude::*;
use actix_web::{App, HttpServer, web};
use axon_worker::dev::{DevOrchestrator, JobSpec};
use axon_worker::{ErrorCode, RunTask, TaskError, Worker};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The lamps that are left.
struct Stock(u32);

impl Actor for Stock {
    type Context = Context<Self>;
}

#[derive(Deserialize)]
struct Take {
    lamps: u32,
}

#[derive(Serialize)]
struct Left {
    left: u32,
}

/// From the orchestrator.
impl Handler<RunTask<Take, Left>> for Stock {
    type Result = Result<Left, TaskError>;

    fn handle(&mut self, task: RunTask<Take, Left>, _: &mut Self::Context) -> Self::Result {
        let lamps = task.params().lamps;
        self.0 = self.0.checked_sub(lamps).ok_or_else(|| {
            let text = format!("{lamps} lamps are wanted and {} are left", self.0);
            TaskError::new(ErrorCode::Permanent, text)
        })?;
        Ok(Left { left: self.0 })
    }
}

/// From the web.
#[derive(Message)]
#[rtype(result = "u32")]
struct Deliver(u32);

impl Handler<Deliver> for Stock {
    type Result = u32;

    fn handle(&mut self, Deliver(lamps): Deliver, _: &mut Self::Context) -> u32 {
        self.0 += lamps;
        self.0
    }
}

async fn deliver(
    lamps: web::Path<u32>,
    stock: web::Data<Addr<Stock>>,
) -> actix_web::Result<String> {
    let left = stock.send(Deliver(*lamps)).await;
    let left = left.map_err(actix_web::error::ErrorServiceUnavailable)?;
    Ok(format!("{left} lamps"))
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orchestrator = DevOrchestrator::builder().max_retries(0).start().await?;
    let stock = Stock(10).start();

    // The worker has threads of its own; the actor stays on this one.
    let worker = Worker::builder("stock")
        .settings(orchestrator.worker_settings())
        .task("take", stock.clone())
        .spawn()?;
    let service = web::Data::new(stock);
    let app = move || {
        let app = App::new().app_data(service.clone());
        app.route("/deliver/{lamps}", web::post().to(deliver))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0))?;
    let url = format!("http://{}/deliver/5", server.addrs()[0]);
    let serving = actix_rt::spawn(server.disable_signals().run());

    for lamps in [8, 4] {
        let job = JobSpec::task("take", json!({ "lamps": lamps }));
        let report = orchestrator.submit(job).await?.finished().await;
        println!(
            "take {lamps}: {:?} {}",
            report.state,
            report.error.unwrap_or(report.data.to_string())
        );
    }
    let mut answer = awc::Client::default().post(url).send().await?;
    println!(
        "deliver 5: {}",
        String::from_utf8_lossy(&answer.body().await?)
    );
    let job = JobSpec::task("take", json!({ "lamps": 4 }));
    println!(
        "take 4: {}",
        orchestrator.submit(job).await?.finished().await.data
    );

    println!("unsent: {}", worker.shutdown().await.unsent);
    serving.abort();
    Ok(())
}
