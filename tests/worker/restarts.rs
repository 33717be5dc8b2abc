//! Restarts in place: the next worker of a name begins where orchestrators may still hold polls
//! of the one before. They do not notice that it is gone, and would hand it the tasks.

use std::path::Path;
use std::sync::Arc;

use axon_worker::WorkerHandle;
use axon_worker::config::JournalMode;
use axon_worker::transport::Availability;
use axon_worker::transport::memory::{Call, MemoryOrchestrator};
use tokio::time::Instant;

use crate::bare::Bare;
use crate::support::{Gate, SECOND, start, worker};

/// A worker with a journal whose polls cannot be taken back. Ends like a crash when `body` does.
fn live<F, R>(
    orchestrator: &MemoryOrchestrator,
    dir: &Path,
    body: impl FnOnce(WorkerHandle) -> F + Send + 'static,
) -> R
where
    F: Future<Output = R>,
    R: Send + 'static,
{
    let (orchestrator, dir) = (orchestrator.clone(), dir.to_owned());
    let life = std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let gate: Arc<Gate> = Gate::closed();
            let connect = orchestrator.connect();
            let builder = worker(&orchestrator, &gate)
                .only_transport("holding", move |id| Bare::new(connect(id)))
                .configure(move |settings| {
                    settings.journal.mode = JournalMode::On;
                    settings.journal.dir = Some(dir);
                });
            body(start(builder).await).await
        })
    });
    life.join().expect("a life without panic")
}

/// How long the next worker waits before it polls. It registers at once, as one that is busy.
fn next_one_waits(orchestrator: &MemoryOrchestrator, dir: &Path) -> f64 {
    let seen = orchestrator.clone();
    live(orchestrator, dir, async move |handle| {
        let began = Instant::now();
        let count = |call| seen.count(call);
        let (registered, polled) = (count(Call::Register), count(Call::Poll));
        seen.called(Call::Register, registered + 1).await;
        assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
        seen.called(Call::Poll, polled + 1).await;
        drop(handle);
        began.elapsed().as_secs_f64()
    })
}

#[test]
fn after_a_crash_the_next_one_waits_until_polls_of_the_last_one_are_over() {
    let (orchestrator, dir) = (MemoryOrchestrator::new(), tempfile::tempdir().unwrap());
    let seen = orchestrator.clone();
    live(&orchestrator, dir.path(), async move |handle| {
        seen.called(Call::Poll, 1).await;
        // So that the journal is written.
        let id = seen.submit("echo", &());
        seen.result_of(&id).await;
        drop(handle);
    });
    let waited = next_one_waits(&orchestrator, dir.path());
    // The clocks of the records are real, those of the waiting are not.
    assert!((25.0..=40.0).contains(&waited), "{waited}");
}

#[test]
fn the_end_waits_for_polls_and_leaves_nothing_to_wait_for() {
    let (orchestrator, dir) = (MemoryOrchestrator::new(), tempfile::tempdir().unwrap());
    orchestrator.set_hold(10 * SECOND);
    let seen = orchestrator.clone();
    live(&orchestrator, dir.path(), async move |handle| {
        seen.called(Call::Poll, 1).await;
        let began = Instant::now();
        assert!(handle.shutdown().await.is_clean());
        let took = began.elapsed();
        assert!((9 * SECOND..11 * SECOND).contains(&took), "{took:?}");
        let last = seen.reports().last().unwrap().availability;
        assert_eq!(last, Availability::Offline);
    });
    let waited = next_one_waits(&orchestrator, dir.path());
    assert!(waited < 1.0, "{waited}");
}

#[test]
fn what_the_end_cannot_wait_for_is_left_to_the_next_one() {
    let (orchestrator, dir) = (MemoryOrchestrator::new(), tempfile::tempdir().unwrap());
    orchestrator.set_hold(100 * SECOND);
    let seen = orchestrator.clone();
    live(&orchestrator, dir.path(), async move |handle| {
        seen.called(Call::Poll, 1).await;
        let began = Instant::now();
        handle.shutdown().await;
        let took = began.elapsed();
        assert!((17 * SECOND..=25 * SECOND).contains(&took), "{took:?}");
    });
    // A poll is held for 30 s, of which 18 have passed.
    let waited = next_one_waits(&orchestrator, dir.path());
    assert!((8.0..=13.0).contains(&waited), "{waited}");
}
