//! The `DevTools` protocol: questions with answers, and events, over one WebSocket.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::ws::{Codec, Frame, Item, Message};
use awc::{BoxedSocket, Client};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot};

/// Whatever is waited for in vain takes this long, on a machine with much else to do.
pub const LIMIT: Duration = Duration::from_secs(45);
/// An answer may itself be the end of some waiting.
const ANSWER: Duration = Duration::from_mins(1);
/// Pictures are large.
const LARGEST: usize = 64 << 20;

/// Something happened in a page.
#[derive(Debug, Clone)]
pub struct Event {
    pub session: String,
    pub method: String,
    pub params: Value,
}

type Answer = oneshot::Sender<Result<Value, Value>>;

/// A connection to a browser.
pub struct DevTools {
    last: Cell<u64>,
    out: mpsc::UnboundedSender<String>,
    answers: RefCell<HashMap<u64, Answer>>,
    events: RefCell<Vec<Event>>,
    news: Notify,
}

impl DevTools {
    pub async fn connect(address: &str) -> Rc<Self> {
        let (_, socket) = Client::default()
            .ws(address)
            .max_frame_size(LARGEST)
            .connect()
            .await
            .expect("the browser takes the connection");
        let (out, asked) = mpsc::unbounded_channel();
        let tools = Rc::new(Self {
            last: Cell::new(0),
            out,
            answers: RefCell::default(),
            events: RefCell::default(),
            news: Notify::new(),
        });
        actix_rt::spawn(run(tools.clone(), socket, asked));
        tools
    }

    /// Asks and waits for the answer; an error of the browser is one of the test.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.last.get() + 1;
        self.last.set(id);
        let mut question = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            question["sessionId"] = session.into();
        }
        let (tell, told) = oneshot::channel();
        self.answers.borrow_mut().insert(id, tell);
        self.out.send(question.to_string()).expect("a connection");
        let answer = tokio::time::timeout(ANSWER, told)
            .await
            .unwrap_or_else(|_| panic!("{method} {params}: no answer"))
            .unwrap_or_else(|_| panic!("{method}: the browser has gone"));
        answer.unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// What has happened in a page so far.
    pub fn events(&self, session: &str) -> Vec<Event> {
        let events = self.events.borrow();
        let of_it = events.iter().filter(|event| event.session == session);
        of_it.cloned().collect()
    }

    /// Waits for an event, among all there were and will be.
    pub async fn event(&self, session: &str, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        let waiting = async {
            loop {
                let news = self.news.notified();
                let found = self
                    .events
                    .borrow()
                    .iter()
                    .find(|it| it.session == session && fits(it))
                    .cloned();
                if let Some(event) = found {
                    return event;
                }
                news.await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.ok()
    }

    fn take(&self, text: &[u8]) {
        let mut message: Value = serde_json::from_slice(text).expect("JSON");
        if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(error.clone()),
                None => Ok(message["result"].take()),
            };
            if let Some(tell) = self.answers.borrow_mut().remove(&id) {
                let _ = tell.send(answer);
            }
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.events.borrow_mut().push(Event {
            session: text(&message["sessionId"]),
            method: text(&message["method"]),
            params: message["params"].take(),
        });
        self.news.notify_waiters();
    }
}

/// Carries messages in both directions until either end is gone.
async fn run(
    tools: Rc<DevTools>,
    mut socket: Framed<BoxedSocket, Codec>,
    mut asked: mpsc::UnboundedReceiver<String>,
) {
    let mut parts = Vec::new();
    loop {
        tokio::select! {
            question = asked.recv() => {
                let Some(question) = question else { return };
                if socket.send(Message::Text(question.into())).await.is_err() {
                    break;
                }
            }
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => tools.take(&text),
                Some(Ok(Frame::Continuation(item))) => match item {
                    Item::FirstText(part) | Item::FirstBinary(part) => parts = part.to_vec(),
                    Item::Continue(part) => parts.extend_from_slice(&part),
                    Item::Last(part) => {
                        parts.extend_from_slice(&part);
                        tools.take(&std::mem::take(&mut parts));
                    }
                },
                Some(Ok(Frame::Ping(data))) => {
                    let _ = socket.send(Message::Pong(data)).await;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    // Whoever waits for an answer learns that there will be none.
    tools.answers.borrow_mut().clear();
}
