//! Servers that are known by an IPv6 address.
//!
//! `actix-tls` 3.6 hands rustls the host of a URL as it stands there, and with its brackets
//! an IPv6 address is neither a name nor an address. So rustls is shown a name that no
//! server has, and the certificate is compared with the address all the same.

use std::net::Ipv6Addr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::config::tls;
use crate::transport::http::SetupError;

/// The URL whose host is shown in place of an address.
pub(super) const STAND_IN: &str = "https://address.invalid";

/// Verifies as rustls does, but compares the certificate with this address.
#[derive(Debug)]
pub(super) struct AddressVerifier {
    address: ServerName<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

impl AddressVerifier {
    pub(super) fn new(
        address: Ipv6Addr,
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, SetupError> {
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        Ok(Self {
            address: ServerName::IpAddress(address.into()),
            inner: inner.map_err(|error| tls(&error))?,
        })
    }
}

impl ServerCertVerifier for AddressVerifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _stand_in: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = &self.address;
        self.inner.verify_server_cert(end, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
