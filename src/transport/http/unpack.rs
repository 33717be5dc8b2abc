//! Compressed bodies. Both published orchestrators compress what has 500 bytes or
//! more when they are asked to.
//!
//! A body is collected first and unpacked then, up to a limit that is set on what
//! comes out: a few bytes can become gigabytes.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::answer::Flaw;

/// What can be unpacked, the preferred one first.
pub(super) const ACCEPTED: &str = "zstd, gzip";

/// Bodies up to this size are unpacked at once, if no more than `AT_ONCE` comes out.
/// That takes less than handing them to another thread and back would disturb.
const SMALL: usize = 64 * 1024;
/// What is unpacked on the control thread, at most.
const AT_ONCE: usize = 256 * 1024;

/// The largest memory that a zstd frame may ask for; no encoder for HTTP may ask for
/// more (RFC 9659).
const WINDOW: u64 = 8 * 1024 * 1024;

/// How a body was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
    /// Something that was not offered.
    Other(String),
}

impl Packing {
    /// Of a header `Content-Encoding`. Several of them are one list of what was done, in
    /// turn (RFC 9110, section 8.4), and nobody was asked to do it twice.
    pub(super) fn take(&mut self, value: &[u8]) {
        let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
        let next = if value.is_empty() || is("identity") {
            return;
        } else if is("gzip") || is("x-gzip") {
            Self::Gzip
        } else if is("zstd") {
            Self::Zstd
        } else {
            Self::other(&String::from_utf8_lossy(value).to_ascii_lowercase())
        };
        *self = match self {
            Self::None => next,
            Self::Other(_) => return,
            Self::Gzip | Self::Zstd => Self::other("several at once"),
        };
    }

    /// Something that was not offered.
    pub(super) fn other(name: &str) -> Self {
        Self::Other(name.chars().take(40).collect())
    }

    /// The body as it was before it was packed, or as much as there is of it.
    pub(super) async fn unpack(self, packed: Bytes, limit: usize) -> (Bytes, Option<Flaw>) {
        if self == Self::None || packed.is_empty() {
            return (packed, None);
        }
        if packed.len() <= SMALL {
            let unpacked = self.unpack_now(&packed, limit.min(AT_ONCE));
            if limit <= AT_ONCE || !matches!(unpacked.1, Some(Flaw::TooLarge(_))) {
                return unpacked;
            }
        }
        let elsewhere = tokio::task::spawn_blocking(move || self.unpack_now(&packed, limit));
        elsewhere.await.unwrap_or_else(|error| {
            let why = format!("it could not be unpacked: {error}");
            (Bytes::new(), Some(Flaw::Broken(why)))
        })
    }

    /// What can be seen of a body that has not come to its end.
    pub(super) fn glimpse(&self, packed: Bytes, limit: usize) -> Bytes {
        if *self == Self::None {
            return packed;
        }
        let part = packed.slice(..packed.len().min(SMALL));
        self.unpack_now(&part, limit.min(AT_ONCE)).0
    }

    fn unpack_now(&self, packed: &[u8], limit: usize) -> (Bytes, Option<Flaw>) {
        let mut out = Vec::with_capacity((packed.len() * 4).min(limit));
        // One byte more than is taken shows that there is more.
        let ended = match self {
            Self::None => return (Bytes::copy_from_slice(packed), None),
            Self::Gzip => gunzip(packed, limit.saturating_add(1), &mut out),
            Self::Zstd => unzstd(packed, limit.saturating_add(1), &mut out),
            Self::Other(name) => return (Bytes::new(), Some(Flaw::Foreign(name.clone()))),
        };
        let flaw = if out.len() > limit {
            Some(Flaw::TooLarge(limit))
        } else {
            ended.err().map(Flaw::Broken)
        };
        (out.into(), flaw)
    }
}

fn gunzip(packed: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let mut unpacking = MultiGzDecoder::new(packed).take(most as u64);
    match unpacking.read_to_end(out) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err("it ends inside its gzip data".to_owned())
        }
        Err(error) => Err(format!("its gzip data is damaged: {error}")),
    }
}

/// An empty last block, and a check sum for frames that have one.
const CLOSING: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

fn unzstd(mut packed: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let damaged = |error: &FrameDecoderError| format!("its zstd data cannot be read: {error}");
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    while !packed.is_empty() && out.len() < most {
        match decoder.init(&mut packed) {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let rest = packed.get(length as usize..);
                packed = rest.ok_or("it ends inside its zstd data")?;
                continue;
            }
            Err(error) => return Err(damaged(&error)),
        }
        while !decoder.is_finished() && out.len() < most {
            let step = BlockDecodingStrategy::UptoBlocks(1);
            let stopped = decoder.decode_blocks(&mut packed, step).err();
            if stopped.is_some() {
                // The decoder keeps back what later blocks may refer to. Told that
                // there are none, it hands out all that it has.
                let _ = decoder.decode_blocks(&CLOSING[..], BlockDecodingStrategy::UptoBlocks(1));
            }
            let room = most - out.len();
            let collected = Read::take(&mut decoder, room as u64).read_to_end(out);
            if let Some(error) = stopped {
                return Err(damaged(&error));
            }
            collected.map_err(|error| format!("its zstd data cannot be read: {error}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn text(bytes: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..bytes).map(|_| random.alphanumeric() as u8).collect()
    }

    #[test]
    fn whatever_of_a_zstd_body_is_there_comes_out() {
        let text = text(1_000_000);
        let packed = zstd(&text);
        for part in [1, 2, 3] {
            let cut = &packed[..packed.len() * part / 4];
            let (out, flaw) = Packing::Zstd.unpack_now(cut, text.len());
            assert!(matches!(flaw, Some(Flaw::Broken(_))), "{flaw:?}");
            assert!(text.starts_with(&out));
            assert!(out.len() > text.len() * (part - 1) / 4, "{}", out.len());
        }
        let (out, flaw) = Packing::Zstd.unpack_now(&packed, text.len());
        assert!(flaw.is_none(), "{flaw:?}");
        assert_eq!(out, text);
    }

    #[test]
    fn several_frames_are_one_body_and_frames_to_skip_are_skipped() {
        let mut packed = zstd(b"one, ");
        packed.extend_from_slice(b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc");
        packed.extend(zstd(b"two"));
        let (out, flaw) = Packing::Zstd.unpack_now(&packed, 8);
        assert!(flaw.is_none(), "{flaw:?}");
        assert_eq!(&out[..], b"one, two");
        let (_, flaw) = Packing::Zstd.unpack_now(&packed, 7);
        assert!(matches!(flaw, Some(Flaw::TooLarge(7))), "{flaw:?}");
    }

    #[actix_rt::test]
    async fn a_large_body_is_unpacked_on_another_thread_and_held_to_the_limit() {
        let text = text(400_000);
        for packed in [zstd(&text), zstd(&vec![b' '; 400_000])] {
            let packed = Bytes::from(packed);
            let (out, flaw) = Packing::Zstd.unpack(packed.clone(), 400_000).await;
            assert!(flaw.is_none(), "{flaw:?}");
            assert_eq!(out.len(), 400_000);
            let (_, flaw) = Packing::Zstd.unpack(packed, 399_999).await;
            assert!(matches!(flaw, Some(Flaw::TooLarge(399_999))), "{flaw:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_comes_from_outside_makes_it_panic_or_grow(
            start in 0_usize..4,
            noise in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let head: &[u8] = [
                &b""[..],
                b"\x28\xb5\x2f\xfd",
                b"\x28\xb5\x2f\xfd\x24",
                b"\x1f\x8b\x08\x00",
            ][start];
            let body = [head, &noise].concat();
            for packing in [Packing::Gzip, Packing::Zstd] {
                let (out, _) = packing.unpack_now(&body, 1000);
                proptest::prop_assert!(out.len() <= 1001);
            }
        }
    }
}
