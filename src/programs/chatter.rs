//! The end of what a program wrote to stderr, and its lines in the log.

use tracing::{Span, info};

use super::protocol::{Line, Lines};

/// How many lines of one task go to the log.
const MOST_LINES: usize = 500;

/// The longest line in the log, in bytes; the rest of it is cut off.
const LONGEST_SHOWN: usize = 1000;

/// What a program prints beside messages. A task's part begins with [`Chatter::begin`].
#[derive(Debug)]
pub(crate) struct Chatter {
    /// Cut into lines for the log.
    lines: Lines,
    /// The last bytes, at most twice `most`.
    end: Vec<u8>,
    most: usize,
    logged: usize,
    span: Span,
}

impl Chatter {
    /// Keeps the last `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            lines: Lines::new(LONGEST_SHOWN * 4),
            end: Vec::new(),
            most,
            logged: 0,
            span: Span::none(),
        }
    }

    /// From here on it belongs to another task, whose span this is.
    pub(crate) fn begin(&mut self, span: Span) {
        self.end.clear();
        self.logged = 0;
        self.span = span;
    }

    /// Takes bytes of stderr.
    pub(crate) fn stderr(&mut self, bytes: &[u8]) {
        self.end
            .extend_from_slice(&bytes[bytes.len().saturating_sub(self.most)..]);
        if self.end.len() > 2 * self.most {
            self.end.drain(..self.end.len() - self.most);
        }
        self.lines.room().extend_from_slice(bytes);
        while let Some(line) = self.lines.take() {
            match line {
                Line::Text(text) => self.log("stderr", &text),
                Line::TooLong => self.log("stderr", b"(a line that is too long to be shown)"),
            }
        }
    }

    /// Takes a line of stdout that is no message.
    pub(crate) fn stdout(&mut self, line: &[u8]) {
        self.log("stdout", line);
    }

    fn log(&mut self, stream: &str, line: &[u8]) {
        self.logged = self.logged.saturating_add(1);
        if self.logged > MOST_LINES + 1 {
            return;
        }
        let _inside = self.span.enter();
        if self.logged > MOST_LINES {
            info!(stream, "further lines of this task's program are not shown");
            return;
        }
        let cut = &line[..line.len().min(LONGEST_SHOWN)];
        info!(stream, line = %readable(cut).escape_debug(), "program");
    }

    /// The end of this task's stderr, beginning with a whole line if there is one.
    pub(crate) fn last_words(&self) -> String {
        let start = self.end.len().saturating_sub(self.most);
        let mut end = &self.end[start..];
        if start > 0
            && let Some(at) = end.iter().position(|b| *b == b'\n')
            && at + 1 < end.len()
        {
            end = &end[at + 1..];
        }
        readable(end.trim_ascii())
    }
}

/// Text without characters that could play tricks on a terminal.
fn readable(bytes: &[u8]) -> String {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    String::from_utf8_lossy(bytes).replace(odd, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_beginning_with_a_whole_line() {
        let mut chatter = Chatter::new(20);
        for n in 0..1000 {
            chatter.stderr(format!("line {n}\n").as_bytes());
            assert!(chatter.end.len() <= 40);
        }
        assert_eq!(chatter.last_words(), "line 998\nline 999");
        chatter.stderr(&vec![b'x'; 1_000_000]);
        assert_eq!(chatter.last_words(), "x".repeat(20));
    }

    #[test]
    fn the_words_of_one_task_are_not_those_of_the_next() {
        let mut chatter = Chatter::new(100);
        chatter.stderr(b"first task\n");
        chatter.begin(Span::none());
        chatter.stderr(b"second \x1b[31m\xff task");
        assert_eq!(chatter.last_words(), "second \u{fffd}[31m\u{fffd} task");
    }
}
