//! Servers that are not what a worker expects.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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
