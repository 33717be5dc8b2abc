//! Keeps a timer that `awc` starts beside each request from waking an idle worker.
//!
//! Each `h1::ClientCodec::default()` makes a `ServiceConfig` and that a `DateService`
//! (actix-http 3.20, `src/date.rs`), which starts a local task that notes the date twice a
//! second until the response has been read. Only servers have a use for it. A poll that is
//! held for half a minute would wake an idle worker 60 times, which takes more processor
//! time than everything else that it does.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use tokio::task::LocalSet;

/// Runs a future to its end. Local tasks that it spawns are not run until then; they take
/// one step and are dropped. So nothing that the future waits for may be a local task.
pub(super) async fn run<T>(future: impl Future<Output = T>) -> T {
    let mut tasks = LocalSet::new();
    let mut future = pin!(future);
    let output = poll_fn(|cx| {
        let _entered = tasks.enter();
        future.as_mut().poll(cx)
    })
    .await;

    // One step is enough for those that end a TLS connection.
    let _ = Pin::new(&mut tasks).poll(&mut Context::from_waker(Waker::noop()));
    output
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;

    #[actix_rt::test]
    async fn a_timer_beside_a_request_does_not_tick() {
        tokio::time::pause();
        let ticks = Rc::new(Cell::new(0));
        let timer = Rc::clone(&ticks);
        let request = async {
            actix_rt::spawn(async move {
                loop {
                    timer.set(timer.get() + 1);
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            });
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!(ticks.get(), 0);
        };
        run(request).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(ticks.get(), 1, "one step, and no more");
    }
}
