//! What a screen reader finds, and what it is told.

use crate::stage::{SECRET, Stage};

#[actix_rt::test]
async fn everything_of_importance_has_a_role_and_a_name() {
    let stage = Stage::new(Some(SECRET)).await;
    let page = stage.page().await;
    let id = stage.task(&page, "render", "film").await;
    stage.steps.set("film", 0.5, "half");
    page.until("!document.querySelector('#tasks progress').hidden")
        .await;
    let spoken = page.spoken().await;
    let has = |role: &str, name: &str| spoken.iter().any(|it| it.0 == role && it.1 == name);
    let task = format!("render, {id}");
    for (role, name) in [
        ("heading", "worker-eu-1"),
        ("group", "Control of the worker"),
        ("button", "Pause"),
        ("button", "Drain and stop"),
        ("region", "Slots"),
        ("meter", "Slots of all tasks"),
        ("meter", "Slots of type video"),
        ("region", "Tasks per second"),
        ("region", "Time per task"),
        ("region", "Latency of orchestrators"),
        ("image", "Plot of the last minutes: tasks per second"),
        ("region", "Running tasks"),
        ("list", "Running tasks"),
        ("progressbar", &format!("Progress of {task}")),
        ("button", &format!("Cancel {task}")),
        ("list", "Orchestrators"),
        ("list", "Last errors"),
        ("region", "Hot cache"),
        ("region", "Threads"),
        ("link", "metrics"),
    ] {
        assert!(has(role, name), "{role} {name:?} is not in {spoken:#?}");
    }
    for (role, name) in &spoken {
        let needs_name = [
            "button",
            "link",
            "textbox",
            "meter",
            "progressbar",
            "image",
            "region",
        ];
        assert!(
            !name.is_empty() || !needs_name.contains(&role.as_str()),
            "a {role} without a name"
        );
    }
    for landmark in ["main", "banner", "contentinfo"] {
        assert!(spoken.iter().any(|it| it.0 == landmark), "{landmark}");
    }
    assert_eq!(page.value("document.documentElement.lang").await, "en");

    page.click("#pause").await;
    let asked = page.spoken().await;
    for (role, name) in [
        ("dialog", "Take no more tasks?"),
        ("textbox", "Admin token"),
    ] {
        assert!(
            asked.iter().any(|it| it.0 == role && it.1 == name),
            "{asked:#?}"
        );
    }
    stage.end().await;
}

#[actix_rt::test]
async fn changes_of_the_state_are_told_and_the_seconds_are_not() {
    let stage = Stage::new(None).await;
    let page = stage.page().await;
    // What a live region says is what changes in it.
    page.value(
        "window.said = [];
         for (const place of document.querySelectorAll('[role=status], [aria-live]'))
           new MutationObserver(() => window.said.push(place.innerText))
             .observe(place, { childList: true, characterData: true, subtree: true });",
    )
    .await;
    let up = "document.querySelector('#about').innerText";
    let before = page.value(up).await;
    page.until(&format!("{up} !== {before}")).await;
    assert_eq!(page.value("window.said").await, serde_json::json!([]));
    stage.worker.pause();
    page.until("window.said.includes('paused')").await;
    page.until("window.said.includes('Not ready: paused.')")
        .await;
    stage.end().await;
}
