//! The bytes of a segment: a header with the version of the format, then frames.
//!
//! A frame is its length and a checksum (CRC-32, of length and content), then the
//! content. Content begins with a byte that says what it is. Numbers are
//! little-endian. Content has no fixed layout here; `record` has that.
//!
//! Text of results is JSON, in which no byte is zero, so no result can contain
//! something that looks like a frame: its length would be larger than any file.

use std::ops::Range;

/// The length of the header: magic number, version, checksum.
pub(super) const HEADER: usize = 16;
const MAGIC: [u8; 8] = *b"axonjrnl";

/// The version of the format that this program reads and writes.
pub(super) const VERSION: u32 = 1;

/// The length and the checksum in front of each content.
const PREFIX: usize = 8;

/// The first bytes of contents. Anything else is no frame.
pub(super) mod kind {
    pub(in super::super) const HANDED_OUT: u8 = b'h';
    pub(in super::super) const RESULT: u8 = b'r';
    pub(in super::super) const GONE: u8 = b'g';
    pub(in super::super) const DEATHS: u8 = b'd';
    pub(in super::super) const FORGIVEN: u8 = b'f';
    pub(in super::super) const ENDING: u8 = b'e';
    pub(in super::super) const STARTED: u8 = b's';
    pub(in super::super) const POLLS: u8 = b'p';

    pub(super) const ALL: &[u8] = &[
        HANDED_OUT, RESULT, GONE, DEATHS, FORGIVEN, ENDING, STARTED, POLLS,
    ];
}

/// Returns the header of a new segment.
pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let sum = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Returns the version that a segment was written with, or `None` if it has no sound
/// header.
pub(super) fn version_of(bytes: &[u8]) -> Option<u32> {
    let header = bytes.get(..HEADER)?;
    let is_sound =
        header.starts_with(&MAGIC) && number(header, 12) == Some(crc32fast::hash(&header[..12]));
    is_sound.then(|| number(header, 8)).flatten()
}

/// Appends a frame whose content `write` puts into the buffer. After an error the
/// buffer is as before.
pub(super) fn push_frame<E: From<TooLong>>(
    buffer: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = buffer.len();
    buffer.extend([0; PREFIX]);

    let written = write(buffer).and_then(|()| {
        let length = buffer.len() - start - PREFIX;
        u32::try_from(length).map_err(|_| TooLong.into())
    });
    let length = match written {
        Ok(length) => length,
        Err(error) => {
            buffer.truncate(start);
            return Err(error);
        }
    };

    let length = length.to_le_bytes();
    let sum = checksum(length, &buffer[start + PREFIX..]);
    buffer[start..start + 4].copy_from_slice(&length);
    buffer[start + 4..start + PREFIX].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// A content of more than 4 GiB.
#[derive(Debug, thiserror::Error)]
#[error("a record is too long")]
pub(super) struct TooLong;

/// Returns the content of a frame that fills these bytes, or `None` if it is damaged.
pub(super) fn content_of(frame: &[u8]) -> Option<&[u8]> {
    let found = sound_frame(frame, 0, &mut { u64::MAX })?;
    (found.end == frame.len()).then(|| &frame[PREFIX..])
}

/// What a segment holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Where the sound frames are, prefix included.
    pub(super) frames: Vec<Range<usize>>,
    pub(super) condition: Condition,
}

/// The condition of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Everything is sound.
    Whole,
    /// The end was not written completely: the process or the machine died.
    Torn {
        /// So many bytes are no record.
        bytes: usize,
    },
    /// Something was changed, or lost in the middle.
    Damaged,
}

/// Finds the frames of a segment, also those behind damage.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan {
        frames: Vec::new(),
        condition: Condition::Whole,
    };
    // Only damage makes bytes be summed twice, and it cannot make it many times.
    let mut budget = 8 * bytes.len() as u64 + (1 << 20);
    let mut at = HEADER;
    if version_of(bytes).is_none() {
        let is_begun = header().starts_with(bytes) || bytes.iter().all(|byte| *byte == 0);
        scan.condition = if is_begun {
            Condition::Torn { bytes: bytes.len() }
        } else {
            Condition::Damaged
        };
        at = 0;
    }

    while at < bytes.len() {
        if let Some(frame) = sound_frame(bytes, at, &mut budget) {
            at = frame.end;
            scan.frames.push(frame);
            continue;
        }

        let next = (at + 1..bytes.len()).find(|&at| sound_frame(bytes, at, &mut budget).is_some());
        match next {
            Some(next) => {
                scan.condition = Condition::Damaged;
                at = next;
            }
            None => {
                let rest = &bytes[at..];
                if scan.condition == Condition::Whole {
                    scan.condition = if is_torn(rest) {
                        Condition::Torn { bytes: rest.len() }
                    } else {
                        Condition::Damaged
                    };
                }
                break;
            }
        }
    }
    scan
}

/// Whether the last bytes of a file are what an interrupted write leaves: the beginning
/// of a frame, or space that was reserved and never filled.
fn is_torn(rest: &[u8]) -> bool {
    let ends_blank = rest.iter().rev().take(PREFIX).all(|byte| *byte == 0);
    let is_begun = match number(rest, 0) {
        Some(length) => rest.len() < PREFIX.saturating_add(length as usize),
        None => true,
    };
    ends_blank || is_begun
}

/// Returns the place of the frame that begins here, if one does.
fn sound_frame(bytes: &[u8], at: usize, budget: &mut u64) -> Option<Range<usize>> {
    let length = number(bytes, at)? as usize;
    let begin = at + PREFIX;
    let content = bytes.get(begin..begin.checked_add(length)?)?;
    if !kind::ALL.contains(content.first()?) {
        return None;
    }

    *budget = budget.checked_sub(length as u64)?;
    let length = number(bytes, at)?.to_le_bytes();
    let is_sound = number(bytes, at + 4) == Some(checksum(length, content));
    is_sound.then(|| at..begin + content.len())
}

fn checksum(length: [u8; 4], content: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(content);
    sum.finalize()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(contents: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = header().to_vec();
        for content in contents {
            push_frame::<TooLong>(&mut bytes, |buffer| {
                buffer.push(kind::RESULT);
                buffer.extend(content);
                Ok(())
            })
            .expect("short enough");
        }
        bytes
    }

    fn contents(bytes: &[u8]) -> Vec<Vec<u8>> {
        let frames = scan(bytes).frames;
        let content = |frame| content_of(&bytes[frame]).expect("sound")[1..].to_vec();
        frames.into_iter().map(content).collect()
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_everything_before() {
        let all = [b"one".to_vec(), b"second".to_vec(), b"x".repeat(300)];
        let bytes = segment(&all);
        let ends: Vec<usize> = scan(&bytes).frames.iter().map(|frame| frame.end).collect();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(contents(&bytes[..cut]), all[..whole], "cut at {cut}");
            let condition = scan(&bytes[..cut]).condition;
            let is_end = cut == HEADER || ends.contains(&cut);
            assert_eq!(condition == Condition::Whole, is_end, "cut at {cut}");
            assert_ne!(condition, Condition::Damaged, "cut at {cut}");
        }
    }

    #[test]
    fn an_end_that_was_reserved_and_never_written_is_no_damage() {
        let mut bytes = segment(&[b"one".to_vec()]);
        bytes.resize(bytes.len() + 4096, 0);
        assert_eq!(contents(&bytes), [b"one"]);
        assert_eq!(scan(&bytes).condition, Condition::Torn { bytes: 4096 });
        assert_eq!(scan(&[0; 4096]).condition, Condition::Torn { bytes: 4096 });
    }

    #[test]
    fn another_version_is_no_damage() {
        let mut newer = header();
        newer[8..12].copy_from_slice(&7_u32.to_le_bytes());
        assert_eq!(version_of(&newer), None, "one changed byte is damage");
        let sum = crc32fast::hash(&newer[..12]);
        newer[12..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(version_of(&newer), Some(7));
        assert_eq!(version_of(&header()), Some(VERSION));
    }

    proptest! {
        #[test]
        fn a_damaged_byte_costs_one_record_at_most(
            all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20),
            place in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let mut bytes = segment(&all);
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            let found = contents(&bytes);
            prop_assert!(found.len() + 1 >= all.len());
            prop_assert!(found.iter().all(|content| all.contains(content)));
            prop_assert_ne!(scan(&bytes).condition, Condition::Whole);
        }

        #[test]
        fn any_bytes_can_be_scanned(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let found = scan(&bytes);
            for pair in found.frames.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for frame in found.frames {
                prop_assert!(content_of(&bytes[frame]).is_some());
            }
        }
    }
}
