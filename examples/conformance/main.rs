//! A worker with one handler for everything a worker must be able to do,
//! configured by the environment alone. Our end-to-end tests run it against the
//! published orchestrators; run it against yours to check that.
//!
//! ```sh
//! ORCHESTRATOR_URL=http://localhost:8080 cargo run --example conformance
//! ```
//!
//! With `DISTWORKER_CONTROLLER_URL` it serves that controller, beside the orchestrators or
//! alone.
//!
//! It logs by `LOG_LEVEL` and `LOG_FORMAT`, and exports by `OTEL_*`.
//!
//! `AXON_CONFORMANCE_LOG` may name a file that gets a line when a handler begins and
//! one when it ends.

#![allow(unreachable_pub, reason = "an example in several files")]

mod basic;
mod contracts;
mod files;
mod hot;
mod injected;
mod media;
mod queues;
mod trace;

use axon_worker::{Result, TaskSpec, Worker, blocking, contract, logging, middleware};

#[actix_rt::main]
async fn main() -> Result<()> {
    logging::init()?;

    let video = |name| TaskSpec::named(name).of_type("video_processing");
    Worker::from_env()
        .task("echo", basic::echo)
        .task("noop", basic::noop)
        .task("add", basic::add)
        .task("sleep", basic::sleep)
        .task("spin", blocking(basic::spin))
        .task("block", basic::block)
        .task("fail", basic::fail)
        .task("panic", basic::panic)
        .task("status", basic::status)
        .task("progress", basic::progress)
        .task("info", basic::info)
        .task("injected", injected::injected)
        .middleware_for(["injected"], middleware::actor(injected::Injector::default))
        .task("file_upper", files::upper)
        .task("dir_copy", blocking(files::copy))
        .task("warm", hot::warm)
        .task("cool", hot::cool)
        .task("image_generation", hot::ready)
        .task("upscale", hot::ready)
        .skill_dependency("image_generation", ["stable_diffusion_v1.5", "vae-ft-mse"])
        .skill_dependency("upscale", ["realesrgan_x4"])
        .task(video("video_a"), media::process)
        .task(video("video_b"), media::process)
        .task(
            TaskSpec::named("audio").of_type("audio_processing"),
            media::process,
        )
        .task(
            TaskSpec::named("typed_contract")
                .version("1.0")
                .described("Doubles a number, with an event for each step.")
                .event::<contracts::Step>("step"),
            contract(contracts::typed),
        )
        .task("event", contracts::event)
        .task(
            TaskSpec::named("strict_event").event::<contracts::Step>("step"),
            contracts::event,
        )
        .task(
            TaskSpec::named("bad_output").output::<contracts::Doubled>(),
            contracts::bad_output,
        )
        .task("costly", contracts::costly)
        .task("call", contracts::call)
        .queue("math.add", queues::add)
        .queue("echo.any", basic::echo)
        .queue("slow.sleep", queues::sleep)
        .queue("fail.now", queues::fail)
        .queue("files.#", queues::files)
        .task_type_limit("video_processing", 1)
        .task_type_limit("audio_processing", 4)
        .run_with_health_check()
        .await
}
