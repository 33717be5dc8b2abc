//! Texts of others that would like to be more than texts.

use axon_worker::RawJson;
use serde_json::{Value, json};

use crate::looks::fits;
use crate::stage::{SECRET, Stage};

const BITE: &str = "<img src=x onerror=\"window.bitten=1\"><script>window.bitten=1</script>";
const BREAK: &str = "'\"></li></ul></section><svg onload=window.bitten=1>";

#[actix_rt::test]
async fn hostile_texts_stay_texts() {
    let long = "https://".to_owned() + &"nowhere/to/break/".repeat(30).replace('/', "_");
    let names = [
        BITE.to_owned(),
        BREAK.to_owned(),
        long.clone(),
        "\u{202e}sdrawkcab \u{0}\u{1b}[31m\r\n new line".to_owned(),
        "__proto__".to_owned(),
        "javascript:window.bitten=1".to_owned(),
    ];
    let stage = Stage::with(Some(SECRET), |builder| {
        let other = crate::stage::unreachable();
        builder.transport(format!("{BREAK}{BITE}").as_str(), other.connect())
    })
    .await;
    let page = stage.page().await;
    for (number, name) in names.iter().enumerate() {
        // Without a handler of that name: the failure tells it.
        stage.orchestrator.submit(name, &());
        stage.orchestrator.submit("fail", &format!("{name} {name}"));
        stage.orchestrator.submit("warm", name);
        let params = json!({ "name": name });
        let params = RawJson::from_serialize(&params).expect("JSON");
        stage.orchestrator.submit_with("convert", params, |task| {
            task.id = format!("{number} {name}").into();
            task.job_id = name.as_str().into();
        });
        stage.steps.set(name, 0.5, name);
    }
    let all = names.len();
    page.until(&format!(
        "document.querySelectorAll('#tasks > li').length === {all}
         && [...document.querySelectorAll('#tasks progress')].every((it) => it.value === 0.5)
         && document.querySelectorAll('#hot > li').length === {all}
         && document.querySelectorAll('#failures > li').length === {}",
        2 * all
    ))
    .await;
    let text = page.value("document.body.innerText").await;
    let text = text.as_str().expect("a text");
    for shown in [BITE, BREAK] {
        assert!(text.matches(shown).count() >= 4, "{shown} in\n{text}");
    }
    let made = page
        .value("[document.images.length, document.scripts.length, document.querySelectorAll('[onerror], [onload], iframe, object').length]")
        .await;
    assert_eq!(
        made,
        json!([0, 1, 0]),
        "elements that the page did not make"
    );
    assert_eq!(page.value("typeof window.bitten").await, "undefined");
    assert_eq!(
        page.value("typeof Object.prototype.name").await,
        "undefined"
    );
    for width in [1280, 390] {
        page.window(width, 844, width < 500).await;
        fits(&page, width).await;
    }
    page.picture("hostile").await;
    // Even what somebody got into the document would not run.
    page.value(
        "const made = document.createElement('script');
         made.textContent = 'window.bitten = 2';
         document.body.append(made);
         document.body.setAttribute('onclick', 'window.bitten = 3');
         document.body.click();",
    )
    .await;
    assert_eq!(page.value("typeof window.bitten").await, "undefined");

    // And a task with such a name can be cancelled like any other.
    page.window(1280, 900, false).await;
    for _ in 0..all {
        page.click("#tasks button:not([aria-disabled=true])").await;
        if page.value("document.querySelector('#ask').open").await == true {
            page.write(SECRET).await;
            page.press("Enter").await;
        }
    }
    page.until("document.querySelector('#tasks').innerText.includes('No task')")
        .await;
    assert_eq!(stage.worker.status().totals.cancelled, all as u64);
    let refused: Vec<Value> = page.troubles();
    assert!(
        refused
            .iter()
            .all(|it| it.to_string().contains("Content Security Policy")),
        "{refused:#?}"
    );
    stage.end().await;
}
