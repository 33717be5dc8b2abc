//! A second handle on the socket of a connection.
//!
//! The HTTP library tells a handler that its client is gone by dropping it, but
//! only when it gets to look; and it cannot be told to hang up. Both take the
//! socket itself.

use std::any::Any;
use std::io::ErrorKind;
use std::net::{Shutdown, TcpStream};

/// The connection that a request came over.
#[derive(Debug)]
pub(super) struct Connection(TcpStream);

impl Connection {
    /// Takes what the server's `on_connect` is given.
    #[cfg(unix)]
    pub(super) fn of(io: &dyn Any) -> Option<Self> {
        use std::os::fd::AsFd;
        let stream = io.downcast_ref::<actix_web::rt::net::TcpStream>()?;
        let fd = stream.as_fd().try_clone_to_owned().ok()?;
        Some(Self(TcpStream::from(fd)))
    }

    #[cfg(windows)]
    pub(super) fn of(io: &dyn Any) -> Option<Self> {
        use std::os::windows::io::AsSocket;
        let stream = io.downcast_ref::<actix_web::rt::net::TcpStream>()?;
        let socket = stream.as_socket().try_clone_to_owned().ok()?;
        Some(Self(TcpStream::from(socket)))
    }

    /// False once the client has closed its end. The socket does not block, as
    /// the server has set it so.
    pub(super) fn is_open(&self) -> bool {
        match self.0.peek(&mut [0]) {
            Ok(bytes) => bytes > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    pub(super) fn hang_up(&self) {
        // Fails only when it is closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
