//! Writing to people: colours where they are wanted, and no line broken by a text from
//! outside.

use std::io::{IsTerminal, Write};

use axon_worker::logging;

/// How to write to one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    has_colours: bool,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Odd,
    Bad,
    Faint,
    Head,
}

impl Style {
    /// Colours for people who look at the standard output and have not asked for none
    /// (`NO_COLOR`).
    pub(crate) fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|it| !it.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|it| it == "dumb");
        Self {
            has_colours: std::io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb,
        }
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { has_colours: false }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.has_colours {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Head => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A text from outside as part of a line: what would move the cursor is spelled out.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let spelled = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            spelled.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Says why the program ends, on the standard error.
pub(crate) fn complain(error: &impl std::fmt::Display) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "axon-worker: {}", on_one_line(&error.to_string()));
}

/// Writes to the standard output. That nobody reads on (`| head`) is no error of ours.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// The same from a thread that must not wait until somebody reads: by the queue of the log.
pub(crate) fn tell(text: &str) {
    match logging::writer() {
        Ok(mut queue) => {
            let _ = queue.write_all(text.as_bytes());
        }
        Err(_) => print(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_line() {
        assert_eq!(on_one_line("a\nb\u{1b}[31mü"), "a\\nb\\u{1b}[31mü");
        let painted = Style { has_colours: true }.paint(Tone::Bad, "x");
        assert_eq!(painted, "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::plain().paint(Tone::Bad, "x"), "x");
    }
}
