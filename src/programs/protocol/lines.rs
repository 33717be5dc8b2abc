//! Lines out of a stream of bytes, in bounded memory whatever comes.

use bytes::{Bytes, BytesMut};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One line of the output, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Text(Bytes),
    /// It is longer than allowed. Told once; the rest of it is dropped.
    TooLong,
}

/// What was read and is not taken yet.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// Bytes at the front that hold no line end.
    searched: usize,
    longest: usize,
    /// In a line that is too long.
    dropping: bool,
}

impl Lines {
    /// Lines of at most `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            longest: longest.max(1),
            dropping: false,
        }
    }

    /// Where to read to. Take all lines before each read: that is what bounds it.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(CHUNK);
        &mut self.buffer
    }

    /// The next whole line. Empty ones are skipped.
    pub(crate) fn take(&mut self) -> Option<Line> {
        loop {
            let Some(at) = self.buffer[self.searched..]
                .iter()
                .position(|b| *b == b'\n')
            else {
                return self.unfinished();
            };
            let line = self.buffer.split_to(self.searched + at + 1);
            self.searched = 0;
            if std::mem::take(&mut self.dropping) {
                continue;
            }
            let length = line.len() - 1;
            if length > self.longest {
                return Some(Line::TooLong);
            }
            if let Some(line) = text(line.freeze().slice(..length)) {
                return Some(line);
            }
        }
    }

    /// The last line, when nothing more comes.
    pub(crate) fn take_rest(&mut self) -> Option<Line> {
        let rest = self.buffer.split().freeze();
        self.searched = 0;
        if std::mem::take(&mut self.dropping) {
            return None;
        }
        text(rest)
    }

    fn unfinished(&mut self) -> Option<Line> {
        self.searched = self.buffer.len();
        if self.dropping || self.buffer.len() > self.longest {
            self.buffer.clear();
            self.searched = 0;
            return (!std::mem::replace(&mut self.dropping, true)).then_some(Line::TooLong);
        }
        None
    }
}

/// The line without its line end, and without the mark (U+FEFF) that .NET and other runtimes
/// write where they open a stream. JSON has no place for that.
fn text(line: Bytes) -> Option<Line> {
    let start = if line.starts_with(MARK) {
        MARK.len()
    } else {
        0
    };
    let end = line.len() - usize::from(line.ends_with(b"\r") && line.len() > start);
    (start < end).then(|| Line::Text(line.slice(start..end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines when the bytes come in these pieces.
    fn lines(longest: usize, pieces: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::new(longest);
        let mut all = Vec::new();
        for piece in pieces {
            lines.room().extend_from_slice(piece);
            all.extend(std::iter::from_fn(|| lines.take()));
        }
        all.extend(lines.take_rest());
        all
    }

    fn line(text: &'static str) -> Line {
        Line::Text(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_come_whole_however_they_were_cut() {
        let all = lines(100, &[b"on", b"e\ntwo\r\n\n", b"thr", b"ee"]);
        assert_eq!(all, [line("one"), line("two"), line("three")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_the_next_one_is_whole() {
        let all = lines(4, &[b"abcdef", b"ghi", b"jkl\nab\n"]);
        assert_eq!(all, [Line::TooLong, line("ab")]);
        assert_eq!(lines(4, &[b"abcde\nab\n"]), [Line::TooLong, line("ab")]);
        assert_eq!(lines(4, &[b"abcd\n"]), [line("abcd")]);
    }

    #[test]
    fn the_mark_of_a_stream_that_was_opened_is_no_part_of_a_line() {
        let all = lines(
            100,
            &[b"\xef\xbb", b"\xbfone\r\n\xef\xbb\xbf\r\n\xef\xbb\xbftwo"],
        );
        assert_eq!(all, [line("one"), line("two")]);
        assert_eq!(lines(100, &[b"a \xef\xbb\xbf"]), [line("a \u{feff}")]);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let (mut lines, endless) = (Lines::new(10), vec![b'x'; CHUNK]);
        for _ in 0..1000 {
            lines.room().extend_from_slice(&endless);
            while lines.take().is_some() {}
            assert!(lines.buffer.len() <= 10);
        }
    }

    proptest! {
        #[test]
        fn the_cuts_do_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..8),
            longest in 1usize..40,
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole = lines(longest, &[&bytes]);
            let cut = lines(longest, &pieces);
            // Only the last line can differ: whether it is too long is seen when more comes.
            let texts = |all: &[Line]| all.iter().filter(|l| **l != Line::TooLong).count();
            prop_assert!(texts(&cut) <= texts(&whole));
            for line in &cut {
                let Line::Text(text) = line else { continue };
                prop_assert!(!text.contains(&b'\n') && text.len() <= longest);
                prop_assert!(whole.contains(line));
            }
        }
    }
}
