//! The thread that serves.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::sync::{mpsc, oneshot};

use super::http;
use super::state::{Shared, ToWorker};

/// What the handles ask of the thread. Answered when it is done.
#[derive(Debug)]
pub(super) enum Command {
    /// Close the port and every connection.
    GoDown(oneshot::Sender<()>),
    /// Listen on the same port again.
    ComeUp(oneshot::Sender<()>),
}

/// Starts the thread; `started` is told the address. It ends when all senders of
/// commands are gone.
pub(super) fn start(
    shared: Arc<Shared>,
    port: u16,
    commands: mpsc::UnboundedReceiver<Command>,
    started: oneshot::Sender<io::Result<SocketAddr>>,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("dist-controller".to_owned());
    thread.spawn(move || {
        actix_rt::System::new().block_on(serve(shared, port, commands, started));
    })?;
    Ok(())
}

async fn serve(
    shared: Arc<Shared>,
    port: u16,
    mut commands: mpsc::UnboundedReceiver<Command>,
    started: oneshot::Sender<io::Result<SocketAddr>>,
) {
    let (address, server) = match listen((Ipv4Addr::LOCALHOST, port).into(), &shared) {
        Ok(up) => up,
        Err(error) => {
            // Without a caller there is nobody to tell.
            let _ = started.send(Err(error));
            return;
        }
    };
    let mut server = Some(server);
    if started.send(Ok(address)).is_ok() {
        while let Some(command) = commands.recv().await {
            let done = match command {
                Command::GoDown(done) => {
                    go_down(&shared, server.take()).await;
                    done
                }
                Command::ComeUp(done) => {
                    if server.is_none() {
                        server = listen(address, &shared).ok().map(|(_, server)| server);
                    }
                    done
                }
            };
            // Whoever asked may not wait.
            let _ = done.send(());
        }
    }
    go_down(&shared, server.take()).await;
}

async fn go_down(shared: &Shared, server: Option<ServerHandle>) {
    let Some(server) = server else { return };
    shared.change(|state| state.tell_all(&ToWorker::Drop));
    server.stop(false).await;
}

fn listen(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<(SocketAddr, ServerHandle)> {
    let data = Data::from(Arc::clone(shared));
    let app = move || {
        App::new()
            .app_data(Data::clone(&data))
            .configure(http::routes)
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .tcp_nodelay(true)
        .bind(address)?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((address, handle))
}
