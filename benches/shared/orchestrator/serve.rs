//! Connections: requests in, prepared answers out.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::desk::{Desk, Fault};
use super::request::{Kind, Request};

/// How long a poll is held when there is no task, as avtomatika does by default.
const HOLD: Duration = Duration::from_secs(30);

/// What the bench asks of the listener.
pub(super) enum Order {
    Down,
    Up,
}

/// Accepts connections until nobody can give orders any more.
pub(super) async fn run(
    listener: StdListener,
    desk: Arc<Desk>,
    mut orders: UnboundedReceiver<Order>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(TcpListener::from_std(listener)?);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => {
                let (socket, desk) = (accepted?, desk.clone());
                // A client that goes away is no matter.
                open.spawn_local(async move { drop(serve(socket, &desk).await) });
            }
            order = orders.recv() => match order {
                Some(Order::Down) => {
                    listener = None;
                    open.abort_all();
                }
                Some(Order::Up) => listener = Some(TcpListener::bind(address).await?),
                None => return Ok(()),
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(socket, _)| socket),
        None => std::future::pending().await,
    }
}

async fn serve(mut socket: TcpStream, desk: &Desk) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut unread = Vec::with_capacity(4096);
    let mut task = desk.answers.task();
    loop {
        let request = loop {
            if let Some(request) = Request::at_front_of(&unread) {
                break request;
            }
            if socket.read_buf(&mut unread).await? == 0 {
                return Ok(());
            }
        };
        let body = &unread[request.head..request.length];
        let mut rest: &[u8] = &[];
        let answer: &[u8] = match (desk.fault(), request.kind) {
            (Fault::Unavailable, _) => desk.answers.unavailable,
            (Fault::Dropped, Kind::Result) => {
                desk.drop_result(body);
                return Ok(());
            }
            (Fault::Dropped, _) => return Ok(()),
            (Fault::None, Kind::Socket) => {
                return desk.commands.serve(socket, &unread[..request.head]).await;
            }
            (Fault::None, Kind::Result) => {
                desk.take_result(body);
                &desk.answers.taken
            }
            (Fault::None, Kind::Beat) => {
                desk.take_beat();
                &desk.answers.known
            }
            (Fault::None, Kind::Register) => {
                let _ = desk.registered.set(Instant::now());
                &desk.answers.registered
            }
            (Fault::None, Kind::Poll) => {
                desk.counts.polls.fetch_add(1, Relaxed);
                match hold(&mut socket, desk).await? {
                    Held::Task(number) => {
                        desk.answers.number(&mut task, number);
                        rest = &desk.answers.rest;
                        &task
                    }
                    Held::Nothing => desk.answers.nothing,
                    Held::Fault => desk.answers.unavailable,
                    Held::Gone => return Ok(()),
                }
            }
        };
        unread.drain(..request.length);
        socket.write_all(answer).await?;
        socket.write_all(rest).await?;
    }
}

enum Held {
    Task(u64),
    Nothing,
    /// A 503.
    Fault,
    /// The worker has hung up, or is to be hung up on.
    Gone,
}

/// Waits for a task. One is not given to a worker that has gone.
async fn hold(socket: &mut TcpStream, desk: &Desk) -> io::Result<Held> {
    if let Some(number) = desk.next_task() {
        return Ok(Held::Task(number));
    }
    let end = tokio::time::sleep(HOLD);
    tokio::pin!(end);
    let mut byte = [0];
    loop {
        let news = desk.news.notified();
        tokio::pin!(news);
        // From here on news are not missed.
        news.as_mut().enable();
        match desk.fault() {
            Fault::None => {}
            Fault::Unavailable => return Ok(Held::Fault),
            Fault::Dropped => return Ok(Held::Gone),
        }
        if let Some(number) = desk.next_task() {
            return Ok(Held::Task(number));
        }
        tokio::select! {
            biased;
            () = news => {}
            () = &mut end => return Ok(Held::Nothing),
            // A worker says nothing while its poll is held; what can come is its end.
            read = socket.peek(&mut byte) => {
                if read? == 0 {
                    return Ok(Held::Gone);
                }
                return Err(io::Error::other("a request before the answer to the last one"));
            }
        }
    }
}
