//! The WebSocket of RXON, the same in both dialects but for what the worker says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;
use tracing::warn;

use super::wire_1_0b2 as wire;
use crate::id::WorkerId;
use crate::transport::http::{
    Headers, Http, NotSent, Socket, SocketLimits, SocketMessage, SocketSender,
};
use crate::transport::{Command, CommandLink, ProgressUpdate, TransportError};

/// The largest message that is taken.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// The largest event that goes this way. Larger ones take a way of their own, so that
/// they hold up no pings.
const EVENT_LIMIT: usize = 64 * 1024;

/// The largest progress message that is sent: it is a line for people.
const PROGRESS_LIMIT: usize = 64 * 1024;

const PING_EVERY: Duration = Duration::from_secs(20);

/// Until then the orchestrator is done with the socket before this one. It takes
/// leave of it as soon as this one comes.
const OLD_SOCKET_IS_GONE: Duration = Duration::from_secs(3);

/// The command channel of a transport, open or not.
pub(super) struct Commands {
    path: String,
    limits: SocketLimits,
    /// To the socket that was opened last; it may have ended.
    sender: RefCell<Option<SocketSender>>,
    /// Whether the orchestrator may still hold a socket that we have given up.
    left_behind: Rc<Cell<bool>>,
}

impl Commands {
    pub(super) fn new(worker_id: &WorkerId, connect: Duration) -> Self {
        Self {
            // Without the id, all workers would share one place in the registry of
            // avtomatika 1.0b12, and no command would find its worker.
            path: format!("/_worker/ws/{worker_id}"),
            limits: SocketLimits {
                connect,
                message: MESSAGE_LIMIT,
                ping: PING_EVERY,
            },
            sender: RefCell::default(),
            left_behind: Rc::default(),
        }
    }

    pub(super) async fn open(
        &self,
        http: &Http,
        headers: &Headers,
    ) -> Result<Box<dyn CommandLink>, TransportError> {
        let opened = http.open_socket(&self.path, headers, self.limits).await;
        if matches!(opened, Err(TransportError::NoAnswer { .. })) {
            self.left_behind.set(true);
        }
        let (socket, sender) = opened?;
        *self.sender.borrow_mut() = Some(sender);
        let renew = self.left_behind.replace(false);
        Ok(Box::new(RxonCommands {
            socket,
            renew_at: renew.then(|| Instant::now() + OLD_SOCKET_IS_GONE),
            left_behind: Rc::clone(&self.left_behind),
        }))
    }

    /// Puts an event of 1.0b17 on its way. `false`: there is no socket, or it takes
    /// nothing now.
    pub(super) fn send(&self, event: &[u8]) -> bool {
        let sender = self.sender.borrow();
        let (Some(sender), Ok(text)) = (&*sender, std::str::from_utf8(event)) else {
            return false;
        };
        text.len() <= EVENT_LIMIT && sender.send(text.to_owned()).is_ok()
    }

    /// Sends progress of 1.0b2 if there is a socket.
    pub(super) fn send_progress(&self, update: &ProgressUpdate) -> Result<(), TransportError> {
        let Some(sender) = &*self.sender.borrow() else {
            return Ok(());
        };
        let text = wire::write_progress(update);
        let size = text.len();
        if size > PROGRESS_LIMIT {
            return Err(TransportError::TooLarge { size });
        }
        match sender.send(text) {
            Ok(()) | Err(NotSent::Closed) => Ok(()),
            Err(NotSent::Congested) => Err(TransportError::Unavailable {
                reason: "it does not read from its socket".to_owned(),
            }),
        }
    }
}

struct RxonCommands {
    socket: Socket,
    /// When avtomatika 1.0b12 gets rid of the socket before this one, it strikes this
    /// one from its registry, and no command comes any more. So a socket that follows
    /// one with a doubtful end is replaced once, with a proper end, after that time.
    renew_at: Option<Instant>,
    left_behind: Rc<Cell<bool>>,
}

impl RxonCommands {
    async fn message(&mut self) -> Result<SocketMessage, TransportError> {
        let Some(at) = self.renew_at else {
            return self.socket.next().await;
        };
        tokio::select! {
            biased;
            message = self.socket.next() => message,
            () = tokio::time::sleep_until(at) => Err(TransportError::Unavailable {
                reason: "its predecessor ended badly, so the socket is opened anew".to_owned(),
            }),
        }
    }
}

impl CommandLink for RxonCommands {
    fn next(&mut self) -> LocalBoxFuture<'_, Result<Command, TransportError>> {
        Box::pin(async move {
            loop {
                match self.message().await {
                    Ok(SocketMessage::Text(text)) => match wire::read_command(&text) {
                        Ok(command) => return Ok(command),
                        Err(error) => {
                            warn!(error, size = text.len(), "a message is no command, ignored");
                        }
                    },
                    Ok(SocketMessage::Binary(bytes)) => {
                        warn!(size = bytes.len(), "a binary message, ignored");
                    }
                    Err(error) => {
                        let doubtful = matches!(error, TransportError::NoAnswer { .. });
                        self.left_behind.set(doubtful);
                        return Err(error);
                    }
                }
            }
        })
    }

    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            if !self.socket.close().await {
                self.left_behind.set(true);
            }
        })
    }
}
