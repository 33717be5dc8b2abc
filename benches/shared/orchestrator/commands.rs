//! Commands to workers over a WebSocket.

use std::io;
use std::sync::{Mutex, PoisonError};

use actix_codec::Framed;
use actix_http::ws::{Codec, Frame, Message, hash_key};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::request::header;

/// All who listen for commands.
#[derive(Default)]
pub(super) struct Commands(Mutex<Vec<UnboundedSender<String>>>);

impl Commands {
    pub(super) fn listeners(&self) -> usize {
        self.with(|all| all.len())
    }

    /// Tells everybody to end this task.
    pub(super) fn cancel(&self, id: &str) {
        let text = format!(r#"{{"command": "cancel_task", "task_id": "{id}", "job_id": "{id}"}}"#);
        self.with(|all| {
            for listener in all.iter() {
                // One that has just gone is taken off the list when it is next looked at.
                let _ = listener.send(text.clone());
            }
        });
    }

    fn with<R>(&self, look: impl FnOnce(&mut Vec<UnboundedSender<String>>) -> R) -> R {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|listener| !listener.is_closed());
        look(&mut all)
    }

    /// Serves a worker that has asked for a WebSocket with this head of a request.
    pub(super) async fn serve(&self, mut socket: TcpStream, head: &[u8]) -> io::Result<()> {
        let key = header(head, b"sec-websocket-key:")
            .ok_or_else(|| io::Error::other("a WebSocket without a key"))?;
        let accept = hash_key(key.as_bytes());
        let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ".to_vec();
        answer.extend_from_slice(&accept);
        answer.extend_from_slice(b"\r\n\r\n");
        socket.write_all(&answer).await?;
        let (tell, mut told) = unbounded_channel();
        self.with(|all| all.push(tell));
        let mut socket = Framed::new(socket, Codec::new());
        loop {
            let message = tokio::select! {
                Some(text) = told.recv() => Message::Text(text.into()),
                frame = socket.next() => match frame {
                    Some(Ok(Frame::Ping(content))) => Message::Pong(content),
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return Ok(()),
                    Some(Ok(_)) => continue,
                },
            };
            socket.send(message).await.map_err(io::Error::other)?;
        }
    }
}
