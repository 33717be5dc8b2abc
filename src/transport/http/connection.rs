//! One connection: a request goes out, the head of its answer comes in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::connect::Stream;
use super::failure::Failure;
use super::head::{Head, HeadReader};

/// Room for what comes in: for most answers as a whole.
const ROOM: usize = 4096;

/// A connection on which nothing is going on, or one exchange.
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// What has come and was not looked at.
    pub(super) received: BytesMut,
    /// What goes out with the next request. Its room is used again.
    pub(super) outgoing: BytesMut,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            outgoing: BytesMut::new(),
        }
    }

    /// Sends what is to go out and then `rest`, and waits for the head of the answer. A
    /// server may answer before it has read everything, to say that it is too much, and
    /// hang up. The rest is not sent then, and nothing else can be.
    pub(super) async fn ask(&mut self, mut rest: &[u8]) -> Result<Head, Failure> {
        let mut reader = HeadReader::default();
        let mut sending = Sending::GoesOn;
        let asking = poll_fn(|cx| {
            if matches!(sending, Sending::GoesOn) {
                match self.poll_send(cx, &mut rest) {
                    Poll::Ready(Ok(())) => sending = Sending::IsDone,
                    Poll::Ready(Err(error)) => sending = Sending::Broke(error),
                    Poll::Pending => {}
                }
            }
            self.poll_head(cx, &mut reader)
        });
        match (asking.await, sending) {
            (Ok(mut head), sending) => {
                head.stays_open &= matches!(sending, Sending::IsDone);
                Ok(head)
            }
            // It is why no answer comes.
            (Err(Failure::Closed(_)), Sending::Broke(error)) => Err(Failure::of_io(&error)),
            (Err(failure), _) => Err(failure),
        }
    }

    /// Whether the connection still waits for a request: it was not closed, and nothing
    /// came that nobody asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        let (mut cx, mut space) = (Context::from_waker(Waker::noop()), [0; 1]);
        let mut space = ReadBuf::new(&mut space);
        self.received.is_empty()
            && Pin::new(&mut self.stream)
                .poll_read(&mut cx, &mut space)
                .is_pending()
    }

    /// Reads more. `false`: there is no more.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let room = if self.received.is_empty() {
            ROOM
        } else {
            ROOM / 2
        };
        self.received.reserve(room);
        let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.received);
        read.map_ok(|length| length > 0)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        loop {
            let stream = Pin::new(&mut self.stream);
            let sent = if rest.is_empty() {
                if self.outgoing.is_empty() {
                    return stream.poll_flush(cx);
                }
                let sent = ready!(stream.poll_write(cx, &self.outgoing))?;
                self.outgoing.advance(sent);
                sent
            } else {
                let mut both = (&mut self.outgoing).chain(&mut *rest);
                ready!(poll_write_buf(stream, cx, &mut both))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut HeadReader,
    ) -> Poll<Result<Head, Failure>> {
        let unreadable = |error| Failure::unreadable(&error);
        loop {
            if let Some(head) = reader.read(&mut self.received).map_err(unreadable)? {
                return Poll::Ready(Ok(head));
            }
            if !ready!(self.poll_receive(cx))? {
                HeadReader::end(&self.received).map_err(unreadable)?;
                return Poll::Ready(Err(Failure::ended(self.received.is_empty())));
            }
        }
    }
}

enum Sending {
    GoesOn,
    IsDone,
    Broke(io::Error),
}

#[cfg(test)]
mod tests {
    use actix_http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[actix_rt::test]
    async fn an_answer_may_come_before_all_of_the_request_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 100]).await.unwrap();
            let refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
            stream
        };
        let ask = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut connection = Connection::new(Stream::plain(stream));
            // More than the kernel holds for a connection.
            connection.ask(&vec![b'x'; 100 << 20][..]).await.unwrap()
        };
        let (_open, head) = tokio::join!(serve, ask);
        assert_eq!(head.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(!head.stays_open);
    }
}
