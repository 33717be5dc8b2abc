//! A storage that speaks S3 over a real socket, keeps objects in memory, checks
//! signatures, and does what it is told to do wrong.

mod faults;
mod memory;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

// Not every program that has such a server needs all of it.
#[allow(unused_imports)]
pub use faults::{Fault, Faults};
#[allow(unused_imports)]
pub use memory::{LOCKED, Memory, VOID};

pub const ACCESS_KEY: &str = "test-access-key";
pub const SECRET_KEY: &str = "test-secret-key";
/// Other keys that are good as well, with the same secret.
#[allow(dead_code)]
pub const NEXT_ACCESS_KEY: &str = "next-access-key";

/// The end of the host names that begin with a bucket. There are none in truth: whoever
/// uses them has the server as its proxy.
#[allow(dead_code)]
pub const DOMAIN: &str = "s3.test";

struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> s3s::S3Result<VirtualHost<'a>> {
        let bucket = host
            .strip_suffix(DOMAIN)
            .and_then(|host| host.strip_suffix('.'));
        let host = VirtualHost::new(host);
        Ok(match bucket {
            Some(bucket) => host.with_bucket(bucket),
            None => host,
        })
    }
}

/// The running server. It ends with the process.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub memory: Memory,
    pub faults: Faults,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// On a thread of its own.
    pub fn start() -> Self {
        let memory = Memory::default();
        let faults = Faults::default();
        let connections = Arc::<AtomicUsize>::default();
        let (tell, told) = std::sync::mpsc::channel();
        let parts = (memory.clone(), faults.clone(), Arc::clone(&connections));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, parts.0, parts.1, parts.2).await;
            });
        });
        Self {
            address: told.recv().unwrap(),
            memory,
            faults,
            connections,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that were ever opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Waits until something is so; the test's own limit ends it otherwise.
    pub async fn until(&self, mut is_so: impl FnMut(&Self) -> bool) {
        while !is_so(self) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn serve(
    listener: TcpListener,
    memory: Memory,
    faults: Faults,
    connections: Arc<AtomicUsize>,
) {
    let mut builder = S3ServiceBuilder::new(memory);
    let mut auth = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
    auth.register(NEXT_ACCESS_KEY.to_owned(), SECRET_KEY.into());
    builder.set_auth(auth);
    builder.set_host(Hosts);
    let service = builder.build();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        connections.fetch_add(1, Relaxed);
        let _ = socket.set_nodelay(true);
        let (service, faults) = (service.clone(), faults.clone());
        let answer = service_fn(move |request| faults.clone().answer(service.clone(), request));
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}
