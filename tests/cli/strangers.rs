//! Servers that are not what a worker expects.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Listens on a free port and hands each connection to a thread.
fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let each = Arc::clone(&each);
            std::thread::spawn(move || each(stream));
        }
    });
    port
}

/// Takes connections and never says a word.
pub fn silent() -> u16 {
    serve(|mut stream| while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {})
}

/// A proxy that opens a tunnel to any address, and refuses names with 403.
pub fn proxy() -> u16 {
    serve(|mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if !stream.read(&mut byte).is_ok_and(|read| read == 1) {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let to = head.split(' ').nth(1).unwrap_or_default();
        let Some(to) = to
            .parse()
            .ok()
            .and_then(|to: SocketAddr| TcpStream::connect(to).ok())
        else {
            let _ = stream.write_all(b"HTTP/1.1 403 No\r\n\r\n");
            return;
        };
        let _ = stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n");
        let (mut down, mut up) = (stream.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut up, &mut down);
            let _ = down.shutdown(Shutdown::Write);
        });
        let mut to = to;
        let _ = std::io::copy(&mut stream, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    })
}

/// Says something that is not HTTP.
pub fn babbling() -> u16 {
    serve(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
    })
}

/// Answers every request with status 500, and with all that it was sent.
pub fn echoing() -> u16 {
    serve(|mut stream| {
        let mut head = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut head) {
            let body = String::from_utf8_lossy(&head[..read]).into_owned();
            let answer = format!(
                "HTTP/1.1 500 Oops\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Two orchestrators that know no worker, of which neither answers anything before the other
/// was asked something.
pub fn pair() -> [u16; 2] {
    let asked = Arc::new((Mutex::new([false; 2]), Condvar::new()));
    [0, 1].map(|me| {
        let asked = Arc::clone(&asked);
        serve(move |mut stream| {
            let mut head = [0; 4096];
            while let Ok(1..) = stream.read(&mut head) {
                let (both, told) = &*asked;
                both.lock().unwrap()[me] = true;
                told.notify_all();
                let both = told.wait_while(both.lock().unwrap(), |both| *both != [true; 2]);
                drop(both);
                if stream.write_all(NOBODY).is_err() {
                    return;
                }
            }
        })
    })
}

/// What an orchestrator says of a worker that it does not know.
const NOBODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull";

/// An orchestrator behind TLS that knows no worker, and the file of its authority.
pub fn secured(folder: &tempfile::TempDir) -> (u16, PathBuf) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let port = serve(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let mut head = [0; 4096];
        while let Ok(1..) = stream.read(&mut head) {
            if stream.write_all(NOBODY).is_err() {
                return;
            }
        }
    });
    (port, file)
}
