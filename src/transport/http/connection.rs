//! One connection: a request goes out, the head of its answer comes in. How HTTP is
//! written on the way back is for `actix-http` to know.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use actix_http::h1::ClientCodec;
use actix_http::{ResponseHead, ServiceConfig, StatusCode};
use bytes::{Buf, BytesMut};
use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::Decoder;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::connect::Stream;
use super::failure::Failure;

/// Room for what comes in: for most answers as a whole. The codec wants 2 KiB of it to
/// be left behind a head.
const ROOM: usize = 4096;

/// A connection on which nothing is going on, or one exchange.
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// What has come and was not looked at.
    pub(super) received: BytesMut,
    config: ServiceConfig,
}

/// The head of an answer, and what is needed to read its body.
pub(super) struct Answered {
    pub(super) head: ResponseHead,
    pub(super) codec: ClientCodec,
    /// Whether it came before all of the request was sent. The rest is not sent.
    pub(super) is_early: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream, config: ServiceConfig) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            config,
        }
    }

    /// Sends a request and waits for the head of its answer. A server may answer before
    /// it has read everything, to say that it is too much, and hang up.
    pub(super) async fn ask(&mut self, mut request: impl Buf) -> Result<Answered, Failure> {
        let mut sending = Sending::GoesOn;
        let asking = poll_fn(|cx| {
            if matches!(sending, Sending::GoesOn) {
                match self.poll_send(cx, &mut request) {
                    Poll::Ready(Ok(())) => sending = Sending::IsDone,
                    Poll::Ready(Err(error)) => sending = Sending::Broke(error),
                    Poll::Pending => {}
                }
            }
            self.poll_head(cx)
        });
        match (asking.await, sending) {
            (Ok((head, codec)), sending) => Ok(Answered {
                head,
                codec,
                is_early: !matches!(sending, Sending::IsDone),
            }),
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
        self.received.reserve(ROOM / 2);
        let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.received);
        read.map_ok(|length| length > 0)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, request: &mut impl Buf) -> Poll<io::Result<()>> {
        while request.has_remaining() {
            let stream = Pin::new(&mut self.stream);
            let chunk = request.chunk();
            let sent = if chunk.len() == request.remaining() {
                let sent = ready!(stream.poll_write(cx, chunk))?;
                request.advance(sent);
                sent
            } else {
                ready!(poll_write_buf(stream, cx, request))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(ResponseHead, ClientCodec), Failure>> {
        loop {
            if !self.received.is_empty() {
                let mut codec = ClientCodec::new(self.config.clone());
                match codec.decode(&mut self.received) {
                    Ok(Some(head)) if is_interim(head.status) => continue,
                    Ok(Some(head)) => return Poll::Ready(Ok((head, codec))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Err(Failure::unreadable(error))),
                }
            } else if self.received.capacity() < ROOM {
                self.received.reserve(ROOM);
            }
            match ready!(self.poll_receive(cx)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(Err(Failure::ended(self.received.is_empty()))),
                Err(error) => return Poll::Ready(Err(Failure::of_io(&error))),
            }
        }
    }
}

enum Sending {
    GoesOn,
    IsDone,
    Broke(io::Error),
}

/// Whether the answer is yet to come.
pub(super) fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// What codecs share. `actix-http` starts a task with it that notes the date twice a
/// second, which only servers have a use for; it ends here.
pub(super) fn codec_config() -> ServiceConfig {
    let aside = tokio::task::LocalSet::new();
    let _inside = aside.enter();
    ServiceConfig::default()
}

#[cfg(test)]
mod tests {
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
            let mut connection = Connection::new(Stream::plain(stream), codec_config());
            // More than the kernel holds for a connection.
            connection.ask(&vec![b'x'; 100 << 20][..]).await.unwrap()
        };
        let (_open, answered) = tokio::join!(serve, ask);
        assert_eq!(answered.head.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answered.is_early);
    }

    #[actix_rt::test]
    async fn what_codecs_share_leaves_nothing_running() {
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let _config = codec_config();
        tokio::task::yield_now().await;
        // Paused time goes to the next timer there is.
        tokio::time::sleep(std::time::Duration::from_secs(9)).await;
        assert_eq!(began.elapsed().as_secs(), 9);
        let metrics = tokio::runtime::Handle::current().metrics();
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}
