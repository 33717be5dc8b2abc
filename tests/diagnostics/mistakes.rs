//! Handlers with a mistake each, which do not compile. See `tests/diagnostics.rs`.

use axon_worker::{RawJson, TaskContext, TaskError, TaskHandler, Valid, Worker, actor, blocking};

struct Formless;

async fn no_deserialize(_: Formless) -> Result<(), TaskError> {
    Ok(())
}

async fn context_first(_: TaskContext, _: RawJson) -> Result<(), TaskError> {
    Ok(())
}

async fn wrong_second(_: RawJson, _: u32) -> Result<(), TaskError> {
    Ok(())
}

async fn no_argument() -> Result<(), TaskError> {
    Ok(())
}

async fn not_validated(_: Valid<String>) -> Result<(), TaskError> {
    Ok(())
}

async fn no_result(_: RawJson) -> u32 {
    1
}

async fn no_serialize(_: RawJson) -> Result<Formless, TaskError> {
    Ok(Formless)
}

async fn is_async(_: RawJson) -> Result<(), TaskError> {
    Ok(())
}

fn wrong_second_on_a_thread(_: RawJson, _: u32) -> Result<(), TaskError> {
    Ok(())
}

struct Formal;

impl TaskHandler for Formal {
    type Params = Formless; // formal
    type Output = ();

    async fn handle(&mut self, _: Formless, _: TaskContext) -> Result<(), TaskError> {
        Ok(())
    }
}

fn main() {
    let _ = Worker::builder("mistakes").task("task", no_deserialize);
    let _ = Worker::builder("mistakes").task("task", context_first);
    let _ = Worker::builder("mistakes").task("task", wrong_second);
    let _ = Worker::builder("mistakes").task("task", no_argument);
    let _ = Worker::builder("mistakes").task("task", not_validated);
    let _ = Worker::builder("mistakes").task("task", no_result);
    let _ = Worker::builder("mistakes").task("task", no_serialize);
    let _ = blocking(is_async);
    let _ = blocking(wrong_second_on_a_thread);
    let _ = Worker::builder("mistakes").task("task", actor(|| Ok(Formal)));
    let _ = Worker::builder("mistakes").task("task", "a string");
}
