//! A page of the browser, as its user and its developer see it.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::devtools::{DevTools, LIMIT};

/// A page and what happens in it.
pub struct Page {
    tools: Rc<DevTools>,
    session: String,
}

impl Page {
    pub async fn new(tools: Rc<DevTools>, session: String) -> Self {
        let page = Self { tools, session };
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.window(1280, 900, false).await;
        page
    }

    /// Asks the browser about this page.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.tools.call(Some(&self.session), method, params).await
    }

    /// Goes there and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        let loaded = self
            .tools
            .event(&self.session, |event| event.method == "Page.loadEventFired");
        assert!(loaded.await.is_some(), "{url} is not loaded");
    }

    /// The value of an expression, which may be a promise.
    pub async fn value(&self, expression: &str) -> Value {
        let question = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
        });
        let answer = self.call("Runtime.evaluate", question).await;
        let trouble = answer.get("exceptionDetails");
        assert!(trouble.is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a condition holds, looking whenever the document changes, and returns
    /// its value.
    pub async fn until(&self, condition: &str) -> Value {
        let waiting = format!(
            "new Promise((done) => {{
               const look = () => {{
                 let value;
                 try {{ value = ({condition}); }} catch {{ value = false; }}
                 if (!value) return;
                 watch.disconnect();
                 done(value);
               }};
               const watch = new MutationObserver(look);
               watch.observe(document, {{ subtree: true, childList: true, attributes: true,
                 characterData: true }});
               look();
             }})"
        );
        if let Ok(value) = tokio::time::timeout(LIMIT, self.value(&waiting)).await {
            return value;
        }
        panic!(
            "never true: {condition}\n--- the page:\n{}\n--- its troubles: {:#?}",
            self.value("document.body.innerText").await,
            self.troubles()
        )
    }

    /// Errors, warnings and exceptions that the page caused so far.
    pub fn troubles(&self) -> Vec<Value> {
        let events = self.tools.events(&self.session).into_iter();
        let is_trouble = |word: &Value| ["error", "warning", "assert"].iter().any(|it| word == it);
        events
            .filter(|event| match event.method.as_str() {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => is_trouble(&event.params["type"]),
                "Log.entryAdded" => is_trouble(&event.params["entry"]["level"]),
                _ => false,
            })
            .map(|event| event.params)
            .collect()
    }

    /// Whatever was asked of any server so far.
    pub fn requests(&self) -> Vec<String> {
        let events = self.tools.events(&self.session).into_iter();
        let urls = events
            .filter(|event| event.method == "Network.requestWillBeSent")
            .map(|event| event.params["request"]["url"].clone());
        urls.map(|url| url.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Waits until some server has answered with this status.
    pub async fn answered(&self, status: u16) {
        let answer = self.tools.event(&self.session, |event| {
            event.method == "Network.responseReceived"
                && event.params["response"]["status"] == status
        });
        assert!(answer.await.is_some(), "nobody answers {status}");
    }

    /// Sets the size of the window, on a desk or in a hand.
    pub async fn window(&self, width: u32, height: u32, is_phone: bool) {
        let metrics = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": if is_phone { 2 } else { 1 },
            "mobile": is_phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// `light` or `dark`, as the system would have it.
    pub async fn colours(&self, scheme: &str) {
        let features = [json!({ "name": "prefers-color-scheme", "value": scheme })];
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Presses the mouse button over the middle of an element.
    pub async fn click(&self, selector: &str) {
        let place = self
            .value(&format!(
                "(() => {{
                   const it = document.querySelector({selector:?});
                   it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                   const box = it.getBoundingClientRect();
                   return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
                 }})()"
            ))
            .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Presses a key: `Tab`, `Enter`, `Escape` or a space.
    pub async fn press(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, None),
            "Enter" => ("Enter", 13, Some("\r")),
            "Escape" => ("Escape", 27, None),
            " " => ("Space", 32, Some(" ")),
            other => panic!("no key {other:?}"),
        };
        let mut event = json!({
            "type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number,
        });
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone()).await;
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event).await;
    }

    /// Types into whatever has the focus.
    pub async fn write(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Role and name of all that a screen reader finds.
    pub async fn spoken(&self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .iter()
            .filter(|node| node["ignored"] != true)
            .map(|node| (text(&node["role"]), text(&node["name"])))
            .collect()
    }

    /// A picture of the whole page, for people: `target/screenshots/<name>.png`.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let size = self.call("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
        });
        let question = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.call("Page.captureScreenshot", question).await;
        let bytes = from_base64(answer["data"].as_str().expect("a picture"));
        assert_eq!(bytes.get(1..4), Some(&b"PNG"[..]));
        let test = std::env::current_exe().expect("the path of this test");
        let target = test.ancestors().nth(3).expect("target/<profile>/deps/test");
        let folder = target.join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, bytes).expect("a picture on the disk");
        file
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut filled) = (0_u32, 0);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let value = SIGNS.iter().position(|it| *it == sign).expect("base64");
        bits = (bits << 6) | u32::try_from(value).expect("below 64");
        filled += 6;
        if filled >= 8 {
            filled -= 8;
            bytes.push(u8::try_from((bits >> filled) & 0xff).expect("one byte"));
        }
    }
    bytes
}
