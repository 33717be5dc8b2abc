//! The thread that serves HTTP.

mod auth;
mod clients;
mod connection;
mod events;
mod exchange;
mod reply;
mod routes;
mod routes_1_0b17;
mod socket;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::dev::ServerHandle;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use tokio::sync::{mpsc, oneshot};

pub(crate) use auth::Tokens;

use super::state::{Shared, State};
use super::{Dialect, wire};
use connection::Connection;

/// How long an idle connection is kept, as by the real orchestrator's server. Much
/// less, and clients find their connection closed just as they use it again.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a socket's client has to answer a close frame.
const CLOSE_HANDSHAKE: Duration = Duration::from_millis(250);
/// How long the server's threads have to drop their connections.
const CLOSE_ALL: Duration = Duration::from_secs(5);

/// What the handles ask of the thread. Each is answered when it is done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Close the port and every connection.
    GoDown(oneshot::Sender<io::Result<()>>),
    /// Listen on the same port again.
    ComeUp(oneshot::Sender<io::Result<()>>),
    /// Go down for good.
    Stop(oneshot::Sender<io::Result<()>>),
}

/// Starts the thread; `started` is told the address. The thread ends on
/// [`Command::Stop`] and when all senders are gone.
pub(crate) fn start(
    shared: Arc<Shared>,
    port: u16,
    commands: mpsc::UnboundedReceiver<Command>,
    started: oneshot::Sender<io::Result<SocketAddr>>,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("dev-orchestrator".to_owned());
    thread.spawn(move || {
        let system = actix_rt::System::new();
        system.block_on(serve(shared, port, commands, started));
    })?;
    Ok(())
}

async fn serve(
    shared: Arc<Shared>,
    port: u16,
    mut commands: mpsc::UnboundedReceiver<Command>,
    started: oneshot::Sender<io::Result<SocketAddr>>,
) {
    let up = listen((Ipv4Addr::LOCALHOST, port).into(), &shared);
    let (address, server) = match up {
        Ok(up) => up,
        Err(error) => {
            // Without a caller there is nobody to tell.
            let _ = started.send(Err(error));
            return;
        }
    };
    // Set once: this function runs once for each `Shared`.
    let _ = shared.runtime.set(tokio::runtime::Handle::current());
    if started.send(Ok(address)).is_err() {
        server.stop(false).await;
        return;
    }
    let mut server = Some(server);
    while let Some(command) = commands.recv().await {
        let (done, outcome) = match command {
            Command::GoDown(done) => {
                go_down(&shared, server.take()).await;
                (done, Ok(()))
            }
            Command::ComeUp(done) if server.is_some() => (done, Ok(())),
            Command::ComeUp(done) => {
                let up = listen(address, &shared);
                (done, up.map(|(_, up)| server = Some(up)))
            }
            Command::Stop(done) => {
                go_down(&shared, server.take()).await;
                let _ = done.send(Ok(()));
                return;
            }
        };
        let _ = done.send(outcome);
    }
    go_down(&shared, server.take()).await;
}

async fn go_down(shared: &Shared, server: Option<ServerHandle>) {
    let Some(server) = server else { return };
    shared.change(State::close_sockets);
    let closed = shared.wait_for(|state| state.socket_tasks == 0);
    // A client that does not answer a close frame cannot hold us up.
    let _ = timeout(CLOSE_HANDSHAKE, closed).await;
    server.stop(false).await;
    // The server's threads are told to end but not waited for.
    let gone = shared.wait_for(|state| state.connections == 0);
    if timeout(CLOSE_ALL, gone).await.is_err() {
        tracing::warn!("connections are still open after the server was stopped");
    }
}

fn listen(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<(SocketAddr, ServerHandle)> {
    let data = Data::from(Arc::clone(shared));
    let connections = Arc::clone(shared);
    let routes = match shared.settings.dialect() {
        Dialect::V1_0b2 => routes::routes,
        Dialect::V1_0b17 => routes_1_0b17::routes,
    };
    let app = move || {
        App::new()
            .app_data(Data::clone(&data))
            .app_data(PayloadConfig::new(wire::BODY_LIMIT))
            .configure(routes)
            .configure(clients::routes)
    };
    let server = HttpServer::new(app)
        .workers(shared.settings.threads)
        .disable_signals()
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        // A client that closes its end is gone: drop the handler of its request.
        .h1_allow_half_closed(false)
        .on_connect(move |io, extensions| {
            if let Some(connection) = Connection::new(io, &connections) {
                extensions.insert(connection);
            }
        })
        .bind(address)?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((address, handle))
}
