//! What an error of TLS means for the one who runs the worker.

use std::io;

use rustls::{AlertDescription as Alert, CertificateError as Flaw, Error, InvalidMessage};

use crate::transport::http::error::TlsFault;

const OWN: &str = "TLS_CERT_PATH and TLS_KEY_PATH";

/// Explains an error of a handshake with `host`.
pub(in super::super) fn in_handshake(
    error: io::Error,
    host: &str,
    has_identity: bool,
) -> io::Error {
    let text = match rustls_error(&error) {
        None => format!(
            "the connection broke inside the TLS handshake ({error}); \
             if it speaks plain HTTP, its address has to begin with http://"
        ),
        Some(Error::InvalidCertificate(flaw)) => {
            format!("the certificate of {host} {}", certificate(flaw))
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "it does not answer in TLS; \
             if it speaks plain HTTP, its address has to begin with http://"
                .to_owned()
        }
        Some(Error::AlertReceived(Alert::HandshakeFailure)) if has_identity => {
            "it broke off the TLS handshake: there is no cipher that both sides know".to_owned()
        }
        Some(Error::AlertReceived(Alert::HandshakeFailure)) => format!(
            "it broke off the TLS handshake: it may want a client certificate ({OWN}), \
             or there is no cipher that both sides know"
        ),
        Some(Error::AlertReceived(Alert::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            format!("it speaks no version of TLS that we do (1.2 and 1.3): {error}")
        }
        _ => return afterwards(error, has_identity),
    };
    TlsFault::of_server(text).into()
}

/// Explains an error of an open connection: in TLS 1.3 the server looks at our certificate
/// when the handshake is over for us.
pub(in super::super) fn afterwards(error: io::Error, has_identity: bool) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the connection was cut");
    }
    let Some(Error::AlertReceived(alert)) = rustls_error(&error) else {
        return error;
    };
    let why = match alert {
        Alert::CertificateRequired => "it got none",
        Alert::CertificateExpired => "ours has expired",
        Alert::CertificateRevoked => "ours is revoked",
        Alert::UnknownCA => "it does not know the authority of ours",
        Alert::AccessDenied => "ours gives no access",
        Alert::BadCertificate | Alert::CertificateUnknown | Alert::DecryptError => {
            "it does not accept ours"
        }
        Alert::UnsupportedCertificate => "ours is not one for clients",
        _ => return error,
    };
    let advice = if has_identity {
        format!("see {OWN}")
    } else {
        format!("set {OWN}")
    };
    let text = format!("it wants a client certificate, and {why} ({error}); {advice}");
    let is_our_identity = true;
    TlsFault {
        text,
        is_our_identity,
    }
    .into()
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What is wrong with the certificate of a server.
fn certificate(flaw: &Flaw) -> String {
    match flaw {
        Flaw::ExpiredContext { time, not_after } => {
            let ago = span(time.as_secs().saturating_sub(not_after.as_secs()));
            format!("expired {ago} ago, by the clock of this machine")
        }
        Flaw::Expired => "has expired, by the clock of this machine".to_owned(),
        Flaw::NotValidYetContext { time, not_before } => {
            let ahead = span(not_before.as_secs().saturating_sub(time.as_secs()));
            format!("is not valid for another {ahead}, by the clock of this machine")
        }
        Flaw::NotValidYet => "is not valid yet, by the clock of this machine".to_owned(),
        Flaw::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "is for no name or address at all: it needs a subject alternative name".to_owned()
        }
        Flaw::NotValidForNameContext { presented, .. } => {
            let names = presented.iter().take(10).map(|it| readable(it));
            let names = names.collect::<Vec<_>>().join(", ");
            format!("is for other names: {names}")
        }
        Flaw::NotValidForName => "is for another name".to_owned(),
        Flaw::UnknownIssuer => "comes from an authority that is not trusted here; \
             TLS_CA_PATH names a file with one to trust"
            .to_owned(),
        Flaw::Revoked => "is revoked".to_owned(),
        Flaw::InvalidPurpose | Flaw::InvalidPurposeContext { .. } => {
            "is not one for servers".to_owned()
        }
        Flaw::BadSignature => {
            "has a wrong signature: TLS_CA_PATH may hold another key under the same name".to_owned()
        }
        other => format!("cannot be accepted: {}", Error::from(other.clone())),
    }
}

/// A name as it may stand in a log: servers choose these texts. They come with their
/// kind, as in `DnsName("host")`.
fn readable(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, it)| it.strip_suffix(')'));
    let name = inner.unwrap_or(name).trim_matches('"');
    name.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(100)
        .collect()
}

fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}
