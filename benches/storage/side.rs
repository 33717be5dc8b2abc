//! One of those who take turns: a process that reads names of cases and answers with
//! `<seconds> <peak MiB> <idle MiB>`.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Side {
    pub(crate) name: &'static str,
    child: Child,
    /// `None` when it is told to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) peak: f64,
    pub(crate) idle: f64,
}

impl Side {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut output = BufReader::new(output.expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() != "ready" {
            return Err(io::Error::other(format!("it said {line:?}")));
        }
        Ok(Self {
            name,
            child,
            input,
            output,
        })
    }

    pub(crate) fn run(&mut self, case: &str) -> Run {
        let input = self.input.as_mut().expect("it is not told to end");
        writeln!(input, "{case}").expect("it listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        let numbers: Vec<f64> = line
            .split_whitespace()
            .map(|text| {
                text.parse()
                    .unwrap_or_else(|_| panic!("{}: {line}", self.name))
            })
            .collect();
        assert_eq!(numbers.len(), 3, "{}: {line:?}", self.name);
        Run {
            seconds: numbers[0],
            peak: numbers[1],
            idle: numbers[2],
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It removes its files when its input ends.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
