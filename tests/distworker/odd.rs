//! What no controller should send.

use axon_worker::dev::{DistController, DistEvent, Oddity};

use crate::support::{assert_works, soon, worker};

#[actix_rt::test]
async fn odd_messages_are_lived_through_on_the_same_connection() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    soon("it connects", controller.connected(1)).await;
    for oddity in [
        Oddity::Junk,
        Oddity::UnknownType,
        Oddity::Text,
        Oddity::WrongPayload,
        Oddity::TaskWithoutId,
    ] {
        controller.send_odd(oddity);
        assert_works(&controller).await;
    }
    assert_eq!(controller.connections_so_far(), 1);
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_task_that_cannot_be_read_is_answered() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    soon("it connects", controller.connected(1)).await;
    controller.send_odd(Oddity::TooDeep);
    // The controller has no such task, so the answer is one about a strange task.
    let answer = controller.event_where(
        |event| matches!(event, DistEvent::Ignored(what) if what.ends_with("too-deep")),
    );
    soon("it is answered", answer).await;
    assert_works(&controller).await;
    worker.shutdown().await;
}

#[actix_rt::test]
async fn a_message_that_is_too_large_ends_the_connection_and_not_the_worker() {
    let controller = DistController::start().await.unwrap();
    let worker = worker(&controller).spawn().unwrap();
    soon("it connects", controller.connected(1)).await;
    controller.send_odd(Oddity::Oversized);
    let gone = controller.event_where(|event| matches!(event, DistEvent::Gone(_)));
    soon("the connection ends", gone).await;
    assert_works(&controller).await;
    assert_eq!(controller.connections_so_far(), 2);
    worker.shutdown().await;
}
