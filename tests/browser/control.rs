//! Buttons: for whom, and what they do.

use axon_worker::{Outcome, WorkerEvent};

use crate::page::Page;
use crate::stage::{SECRET, Stage, row_of};

#[actix_rt::test]
async fn without_an_admin_token_there_are_no_buttons() {
    let stage = Stage::new(None).await;
    let page = stage.page().await;
    stage.task(&page, "render", "film").await;
    let seen = "[...document.querySelectorAll('button, input')].filter((it) => it.checkVisibility()).length";
    assert_eq!(page.value(seen).await, 0);
    let spoken = page.spoken().await;
    assert!(
        !spoken.iter().any(|(role, _)| role == "button"),
        "{spoken:?}"
    );
    stage.end().await;
}

/// Presses `Tab` until that has the focus.
async fn tab_to(page: &Page, selector: &str) {
    for _ in 0..30 {
        page.press("Tab").await;
        if page
            .value(&format!("document.activeElement.matches({selector:?})"))
            .await
            == true
        {
            return;
        }
    }
    panic!("{selector} is out of reach");
}

#[actix_rt::test]
async fn a_click_and_the_token_cancel_a_task() {
    let stage = Stage::new(Some(SECRET)).await;
    let page = stage.page().await;
    let id = stage.task(&page, "render", "film").await;
    page.until("document.querySelector('#tasks button').checkVisibility()")
        .await;
    page.click("#tasks button").await;
    page.until("document.querySelector('#ask').open").await;
    page.write("a guess").await;
    page.click("#ask-yes").await;
    page.until("document.querySelector('#ask').open && /not the right/.test(document.querySelector('#ask').innerText)")
        .await;
    assert_eq!(stage.worker.status().tasks.len(), 1);
    page.write(SECRET).await;
    page.click("#ask-yes").await;
    let result = stage.orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    page.until(&format!("!({})", row_of(&id))).await;
    page.until("/Cancel: accepted/.test(document.querySelector('#done').innerText)")
        .await;

    // The page knows the token now, and nothing else does.
    let id = stage.task(&page, "render", "trailer").await;
    page.click("#tasks button").await;
    let result = stage.orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    let kept = page
        .value("[localStorage.length, sessionStorage.length, document.cookie, location.href, document.querySelector('#token').value].join()")
        .await;
    assert_eq!(kept, format!("0,0,,{},", stage.url()));
    stage.end().await;
}

#[actix_rt::test]
async fn the_keyboard_alone_cancels_a_task() {
    let stage = Stage::new(Some(SECRET)).await;
    let page = stage.page().await;
    let first = stage.task(&page, "render", "film").await;
    let id = stage.task(&page, "convert", "photo").await;
    tab_to(&page, &format!("button[aria-label='Cancel convert, {id}']")).await;
    // News come every second, and tasks go: the focus stays.
    let up = "document.querySelector('#about').innerText";
    let before = page.value(up).await;
    stage.steps.set("film", 1.0, "");
    stage.orchestrator.result_of(&first).await;
    page.until(&format!("!({}) && {up} !== {before}", row_of(&first)))
        .await;
    let label = "document.activeElement.getAttribute('aria-label')";
    assert_eq!(page.value(label).await, format!("Cancel convert, {id}"));

    page.press("Enter").await;
    page.until("document.activeElement.id === 'token'").await;
    page.press("Escape").await;
    page.until("!document.querySelector('#ask').open").await;
    assert_eq!(page.value(label).await, format!("Cancel convert, {id}"));
    page.press(" ").await;
    page.until("document.activeElement.id === 'token'").await;
    page.write(SECRET).await;
    page.press("Enter").await;
    let result = stage.orchestrator.result_of(&id).await;
    assert_eq!(result.outcome, Outcome::Cancelled);
    // The button has gone with its task; one goes on from the heading.
    page.until("document.activeElement.id === 'h-tasks'").await;
    stage.end().await;
}

#[actix_rt::test]
async fn pause_resume_and_drain_do_what_they_say() {
    let stage = Stage::new(Some(SECRET)).await;
    let page = stage.page().await;
    let mut events = stage.worker.events();
    page.click("#pause").await;
    page.write(SECRET).await;
    page.click("#ask-yes").await;
    assert!(matches!(events.next().await, Some(WorkerEvent::Paused)));
    page.until("document.querySelector('#state').innerText === 'paused'")
        .await;
    page.until("document.querySelector('#pause').innerText === 'Resume'")
        .await;
    page.click("#pause").await;
    assert!(matches!(events.next().await, Some(WorkerEvent::Resumed)));
    page.until("document.querySelector('#pause').innerText === 'Pause'")
        .await;

    // What cannot be taken back is asked about each time.
    page.click("#drain").await;
    page.until("document.querySelector('#ask').open").await;
    page.click("#ask-no").await;
    assert!(!stage.worker.status().draining);
    page.click("#drain").await;
    page.click("#ask-yes").await;
    assert!(matches!(events.next().await, Some(WorkerEvent::Draining)));
    assert!(stage.worker.wait().await.is_clean());
    page.until("/ended|no connection/.test(document.querySelector('#state').innerText)")
        .await;
}
