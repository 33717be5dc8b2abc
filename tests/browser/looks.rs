//! What one sees.

use serde_json::json;

use crate::page::Page;
use crate::stage::{Load, Stage, row_of, unreachable};

#[actix_rt::test]
async fn a_task_is_seen_moving_on_and_nobody_else_is_asked_for_anything() {
    let stage = Stage::new(None).await;
    let page = stage.page().await;
    assert_eq!(
        page.value("document.querySelector('#name').innerText")
            .await,
        "worker-eu-1"
    );
    page.until("document.querySelector('#tasks').innerText.includes('No task')")
        .await;

    let id = stage.task(&page, "render", "film").await;
    let row = row_of(&id);
    page.until(&format!("{row}.innerText.includes('running')"))
        .await;
    for (value, words) in [(0.25, "first act"), (0.75, "third act")] {
        stage.steps.set("film", value, words);
        let percent = format!("{} % · {words}", value * 100.0);
        page.until(&format!(
            "{row}.querySelector('progress').value === {value}
             && {row}.innerText.includes({percent:?})"
        ))
        .await;
    }
    let gauge = "document.querySelector('[role=meter][aria-label*=video]')";
    page.until(&format!(
        "{gauge}.getAttribute('aria-valuetext') === '1 of 2'"
    ))
    .await;
    let time = format!("parseFloat({row}.querySelector('.number').innerText)");
    let before = page.value(&time).await;
    page.until(&format!("{time} > {before}")).await;

    stage.steps.set("film", 1.0, "");
    page.until(&format!("!({row})")).await;
    page.until("document.querySelector('#totals').innerText.match(/^succeeded\\s+1/)")
        .await;
    for plot in ["rate", "run", "latency"] {
        let line = format!("document.querySelector('#{plot} .line').getAttribute('d')");
        page.until(&format!("{line}.startsWith('M')")).await;
    }
    assert_eq!(page.troubles(), Vec::<serde_json::Value>::new());
    let (base, requests) = (stage.url(), page.requests());
    assert!(requests.iter().any(|url| *url == format!("{base}stream")));
    for url in requests {
        assert!(url.starts_with(&base) || url.starts_with("data:"), "{url}");
    }
    stage.end().await;
}

#[actix_rt::test]
async fn plots_have_what_was_before_the_page_was_opened() {
    let stage = Stage::new(None).await;
    let load = Load::begin(&stage.orchestrator);
    let points = "document.querySelector('#rate .line').getAttribute('d').split('L').length";
    let first = stage.page().await;
    first.until(&format!("{points} > 4")).await;

    // With the first news already.
    let page = stage.page().await;
    assert!(page.value(points).await.as_u64() > Some(2));
    assert_eq!(page.troubles(), Vec::<serde_json::Value>::new());
    drop(load);
    stage.end().await;
}

#[actix_rt::test]
async fn plots_follow_what_happens() {
    let stage = Stage::new(None).await;
    let page = stage.page().await;
    let load = Load::begin(&stage.orchestrator);
    let points = "document.querySelector('#rate .line').getAttribute('d').split('L').length";
    page.until(&format!("{points} > 3")).await;
    let now = "parseFloat(document.querySelector('#rate b').innerText)";
    page.until(&format!("{now} > 1")).await;
    page.until("/µs|ms/.test(document.querySelector('#run b').innerText)")
        .await;
    drop(load);
    // It comes to rest, and what was is still to be seen.
    page.until(&format!("{now} === 0")).await;
    let rest = "/most [1-9]/.test(document.querySelector('#rate').innerText)";
    assert_eq!(page.value(rest).await, true);
    stage.end().await;
}

/// A worker with everything on its page.
async fn busy(token: Option<&str>) -> (Stage, Page, Load) {
    let stage = Stage::with(token, |builder| {
        builder.transport("http://orchestrator-2:8080", unreachable().connect())
    })
    .await;
    let page = stage.page().await;
    for model in ["stable_diffusion_v1.5", "realesrgan_x4"] {
        stage.orchestrator.submit("warm", &model);
    }
    for message in [
        "the source s3://pictures/2024/0417.raw ended after 1048576 bytes",
        "no space left on the scratch disk",
    ] {
        stage.orchestrator.submit("fail", &message);
    }
    for (kind, name) in [
        ("render", "film"),
        ("render", "trailer"),
        ("convert", "photo"),
        ("convert", "scan"),
    ] {
        stage.task(&page, kind, name).await;
    }
    stage.steps.set("film", 0.62, "frame 1488 of 2400");
    stage.steps.set("trailer", 0.08, "reading the script");
    stage.steps.set("photo", 0.91, "writing 6000 x 4000");
    let load = Load::begin(&stage.orchestrator);
    let points = "document.querySelector('#rate .line').getAttribute('d').split('L').length";
    page.until(&format!("{points} > 11")).await;
    page.until("document.querySelectorAll('#failures .bad').length === 2")
        .await;
    (stage, page, load)
}

/// All texts that are seen and their contrast to what is behind them.
const CONTRASTS: &str = r"(() => {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (it) => {
    for (; it; it = it.parentElement) {
      const colour = parse(getComputedStyle(it).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const it of document.querySelectorAll('body *')) {
    const own = [...it.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
    if (!own || !it.checkVisibility() || it.closest('script, .unseen')) continue;
    const [a, b] = [light(parse(getComputedStyle(it).color)), light(behind(it))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([it.innerText.slice(0, 40), contrast]);
  }
  return found;
})()";

#[actix_rt::test]
async fn it_reads_well_in_light_and_dark_on_a_desk_and_on_a_phone() {
    let (stage, page, load) = busy(Some(crate::stage::SECRET)).await;
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.colours(scheme).await;
        for (device, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
            page.window(width, height, device == "phone").await;
            let contrasts = page.value(CONTRASTS).await;
            let contrasts = contrasts.as_array().expect("texts");
            assert!(contrasts.len() > 40, "{contrasts:?}");
            for text in contrasts {
                let contrast = text[1].as_f64().expect("a number");
                assert!(contrast >= 4.5, "{scheme} {device}: {text}");
            }
            fits(&page, width).await;
            page.picture(&format!("{device}-{scheme}")).await;
        }
        let ground = "getComputedStyle(document.body).backgroundColor";
        grounds.push(page.value(ground).await);
    }
    assert_ne!(grounds[0], grounds[1], "light and dark differ");
    page.window(320, 568, true).await;
    fits(&page, 320).await;
    assert_eq!(page.troubles(), Vec::<serde_json::Value>::new());
    drop(load);
    stage.end().await;
}

/// Nothing reaches beyond the right edge.
pub async fn fits(page: &Page, width: u32) {
    let wide = page
        .value(
            "[document.documentElement.scrollWidth, ...[...document.querySelectorAll('body *')]
               .filter((it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth + 0.5)
               .map((it) => it.tagName + ' ' + it.className + ' ' + it.innerText)]",
        )
        .await;
    assert_eq!(wide, json!([width]));
}
