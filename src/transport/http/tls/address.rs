//! Servers that are known by an address and not by a name.
//!
//! `actix-tls` 3.6 hands rustls the host of a URL as it stands there, and with its brackets
//! an IPv6 address is neither a name nor an address. So it is shown a name that no server
//! has, and the certificate is compared with the address all the same.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::config::tls;
use crate::transport::http::SetupError;

/// The URL whose host is shown in place of an address.
pub(in crate::transport::http) const STAND_IN: &str = "https://address.invalid";

/// Verifies as rustls does, but compares the certificate with this address.
#[derive(Debug)]
pub(super) struct AddressVerifier {
    address: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl AddressVerifier {
    pub(super) fn new(
        address: IpAddr,
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, SetupError> {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        Ok(Self {
            address: ServerName::from(address),
            verifier: verifier.map_err(|error| tls(&error))?,
        })
    }
}

impl ServerCertVerifier for AddressVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _stand_in: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = &self.address;
        let verifier = &self.verifier;
        verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifier = &self.verifier;
        verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifier = &self.verifier;
        verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
