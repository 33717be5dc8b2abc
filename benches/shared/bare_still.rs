//! What an idle worker has to do, over bare sockets: a heartbeat every 15 s and a poll that
//! is held. Without the pause of a worker between two polls.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// About as long as what an idle worker tells.
const BEAT: &str = r#"{"worker_id":"bench","status":"idle","supported_tasks":["block","noop","rows","sleep","spin"],"current_tasks":[],"hot_cache":[],"resource_usage":{"cpu_load_percent":0.25,"ram_used_gb":1.25,"gpu_usage":[]}}"#;

/// A thread for each connection, so that nothing but the kernel keeps time.
pub(crate) fn run(address: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1\r\nhost: {address}\r\nx-worker-token: token-of-the-bench\r\n\
         x-rxon-version: 1.0b2\r\n"
    );
    let poll = format!("GET /_worker/workers/bench/tasks/next {head}\r\n");
    let beat = format!(
        "PATCH /_worker/workers/bench {head}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{BEAT}",
        BEAT.len()
    );
    let mut heart = connect(address)?;
    let mut poller = connect(address)?;
    let beating = thread::spawn(move || -> io::Result<()> {
        loop {
            ask(&mut heart, &beat)?;
            thread::sleep(HEARTBEAT_INTERVAL);
        }
    });
    while !beating.is_finished() {
        ask(&mut poller, &poll)?;
    }
    beating
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the heartbeat panicked")))
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// One request, and its answer, which is short and comes in one piece.
fn ask(socket: &mut TcpStream, request: &str) -> io::Result<()> {
    socket.write_all(request.as_bytes())?;
    match socket.read(&mut [0; 4096])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
