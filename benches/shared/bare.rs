//! What the worker is compared with: loops round `awc`, the client that comes with actix,
//! and round bare sockets. They do the exchange of a task and nothing else.

use std::io;
use std::ops::Range;

use awc::http::StatusCode;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const POLL: &str = "/_worker/workers/bench/tasks/next";
const RESULT: &str = "/_worker/tasks/result";

/// As long as what the worker sends.
const BODY: &[u8] = br#"{"job_id":"5fd9454d-0000-4000-8000-000000000000","task_id":"5fd9454d-0000-4000-8000-000000000000","worker_id":"worker-5fd9454d-0000-4000-8000-000000000000","status":"success","data":{},"error":null,"data_metadata":null}"#;

/// Loops of `awc`, on one thread, as it cannot be spread over several.
pub(crate) fn run_awc(address: &str, loops: usize) -> io::Result<()> {
    let connector = awc::Connector::new().limit(0);
    actix_rt::System::new().block_on(async {
        let client = awc::Client::builder()
            .connector(connector)
            .disable_timeout()
            .add_default_header(("x-worker-token", "token-of-the-bench"))
            .add_default_header(("x-rxon-version", "1.0b2"))
            .finish();
        let poll = client
            .get(format!("http://{address}{POLL}"))
            .insert_header(("accept-encoding", "gzip"))
            .freeze()
            .map_err(|error| io::Error::other(error.to_string()))?;
        let result = client
            .post(format!("http://{address}{RESULT}"))
            .insert_header(("accept-encoding", "gzip"))
            .insert_header(("content-type", "application/json"))
            .freeze()
            .map_err(|error| io::Error::other(error.to_string()))?;
        let all = (0..loops).map(|_| {
            let (poll, result) = (poll.clone(), result.clone());
            actix_rt::spawn(async move {
                loop {
                    let mut task = poll.send().await.map_err(|e| e.to_string())?;
                    let body = task.body().await.map_err(|e| e.to_string())?;
                    if task.status() != StatusCode::OK || body.is_empty() {
                        return Err::<(), _>(format!("no task but {}", task.status()));
                    }
                    let sent = result.send_body(Bytes::from_static(BODY)).await;
                    let mut taken = sent.map_err(|e| e.to_string())?;
                    taken.body().await.map_err(|e| e.to_string())?;
                }
            })
        });
        let (ended, ..) = futures_util::future::select_all(all).await;
        Err(io::Error::other(format!("a loop ended: {ended:?}")))
    })
}

/// Loops of sockets that look at nothing but the number of the task.
pub(crate) fn run_sockets(address: &str, loops: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let all = (0..loops).map(|_| tokio::spawn(exchange(address.to_owned())));
        let (ended, ..) = futures_util::future::select_all(all).await;
        Err(io::Error::other(format!("a loop ended: {ended:?}")))
    })
}

async fn exchange(address: String) -> io::Result<()> {
    let mut socket = TcpStream::connect(&address).await?;
    socket.set_nodelay(true)?;
    let head = "x-worker-token: token-of-the-bench\r\nx-rxon-version: 1.0b2";
    let poll = format!("GET {POLL} HTTP/1.1\r\nhost: {address}\r\n{head}\r\n\r\n");
    let length = BODY.len();
    let mut result = format!(
        "POST {RESULT} HTTP/1.1\r\nhost: {address}\r\n{head}\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    result.extend_from_slice(BODY);
    let ours = number_in(&result).ok_or_else(|| io::Error::other("a result without a number"))?;
    // Where it is in a task; all are of one length.
    let mut theirs = None;
    let mut answer = vec![0; 4096];
    loop {
        socket.write_all(poll.as_bytes()).await?;
        // An answer is written at once and is short: it comes in one piece.
        let length = socket.read(&mut answer).await?;
        if theirs.is_none() {
            theirs = number_in(&answer[..length]);
        }
        // Without a task in it, it was held for long, or the connection is closed.
        if let Some(range) = theirs.clone().filter(|range| range.end <= length) {
            result[ours.clone()].copy_from_slice(&answer[range]);
        } else if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        } else {
            continue;
        }
        socket.write_all(&result).await?;
        if socket.read(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Where the digits of the first id are.
fn number_in(message: &[u8]) -> Option<Range<usize>> {
    const BEFORE: &[u8] = b"-4000-8000-";
    let at = message
        .windows(BEFORE.len())
        .position(|bytes| bytes == BEFORE)?
        + BEFORE.len();
    (message.len() >= at + 12).then_some(at..at + 12)
}
