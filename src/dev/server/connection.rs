//! A second handle on the socket of a connection.
//!
//! The HTTP library tells a handler that its client is gone by dropping it, but
//! only when it gets to look; and it cannot be told to hang up. Both take the
//! socket itself.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use crate::dev::state::Shared;

/// The connection that a request came over. It is counted while it exists.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Connection {
    /// Takes what the server's `on_connect` is given.
    pub(super) fn new(io: &dyn Any, shared: &Arc<Shared>) -> Option<Self> {
        let stream = duplicate(io.downcast_ref::<actix_web::rt::net::TcpStream>()?).ok()?;
        let shared = Arc::clone(shared);
        shared.change(|state| state.connections += 1);
        Some(Self { stream, shared })
    }

    /// False once the client has closed its end. The socket does not block, as
    /// the server has set it so.
    pub(super) fn is_open(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(bytes) => bytes > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    pub(super) fn hang_up(&self) {
        // Fails only when it is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The server's own handle goes a moment later; whoever sees the count fall
        // may rely on the client seeing the end.
        self.hang_up();
        self.shared.change(|state| state.connections -= 1);
    }
}

#[cfg(unix)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().map(TcpStream::from)
}

#[cfg(windows)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;
    stream.as_socket().try_clone_to_owned().map(TcpStream::from)
}
