//! What a `DistWorker` worker is compared with: a loop round a `WebSocket` of the same
//! HTTP library that registers, answers every assignment with its own input and does
//! nothing else. It looks into messages no further than to find task and input.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_http::ws::{Frame, Message};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Numbers of messages and of their members, see `src/transport/distworker/wire/`.
const REGISTER: u8 = 2;
const ASSIGN: u8 = 10;
const COMPLETE: u8 = 12;

/// Serves until the connection ends.
pub(crate) fn run(url: &str, provisioner: &str, token: &str) -> io::Result<()> {
    let other = |error: String| io::Error::other(error);
    actix_rt::System::new().block_on(async {
        let url = format!("{}/worker/v1/ws", url.trim_end_matches('/'));
        let connecting = awc::Client::new().ws(url).connect();
        let (_, mut socket) = connecting.await.map_err(|e| other(e.to_string()))?;
        let mut send = Some(registration(provisioner, token));
        loop {
            if let Some(bytes) = send.take() {
                let sent = socket.send(Message::Binary(bytes.into())).await;
                sent.map_err(|e| other(e.to_string()))?;
            }
            match socket.next().await {
                Some(Ok(Frame::Binary(message))) => send = answer(&message),
                Some(Ok(Frame::Ping(bytes))) => {
                    let sent = socket.send(Message::Pong(bytes)).await;
                    sent.map_err(|e| other(e.to_string()))?;
                }
                Some(Ok(_)) => {}
                ended => return Err(other(format!("the connection ended: {ended:?}"))),
            }
        }
    })
}

fn registration(provisioner: &str, token: &str) -> Vec<u8> {
    let date = now();
    let mut data = member(1, provisioner.as_bytes());
    data.extend(member(3, date.as_bytes()));
    let day_key = hmac(
        format!("DISTWORKER1{token}").as_bytes(),
        &date.as_bytes()[..8],
    );
    let signature = hmac(&hmac(&day_key, b"distworker1_websocket"), &data);
    let mut register = member(1, &data);
    register.extend(member(2, &signature));
    envelope(REGISTER, &register)
}

/// The success of an assignment, if this is one.
fn answer(message: &Bytes) -> Option<Vec<u8>> {
    let assignment = find(message, ASSIGN)?;
    let mut complete = member(1, find(assignment, 1)?);
    complete.extend(member(2, find(assignment, 4).unwrap_or_default()));
    Some(envelope(COMPLETE, &complete))
}

fn envelope(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut envelope = vec![0x08, kind];
    envelope.extend(member(kind, payload));
    envelope
}

fn member(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut member = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        member.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    member.push(u8::try_from(length).unwrap_or_default());
    member.extend_from_slice(bytes);
    member
}

/// The first member of this number, of those that are bytes.
fn find(mut message: &[u8], number: u8) -> Option<&[u8]> {
    loop {
        let (&key, rest) = message.split_first()?;
        let (value, rest) = varint(rest)?;
        message = rest;
        if key & 7 == 2 {
            let (bytes, rest) = message.split_at_checked(value)?;
            if key >> 3 == number {
                return Some(bytes);
            }
            message = rest;
        }
    }
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// `YYYYMMDDTHHMMSSZ`.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since March of the year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}
