//! Processes beside this one, and what they use, as Linux tells it in `/proc`.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A copy of this program that plays another part. Ends when dropped.
pub(crate) struct Part(Child);

impl Part {
    /// Starts this program anew with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::spawn(Command::new(std::env::current_exe()?).args(arguments))
    }

    /// Starts any program.
    pub(crate) fn spawn(program: &mut Command) -> io::Result<Self> {
        program.stdin(Stdio::piped()).spawn().map(Self)
    }

    /// What is used so far; an error when the process has ended.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
        if let Some(status) = self.0.try_wait()? {
            return Err(io::Error::other(format!(
                "the measured process ended: {status}"
            )));
        }
        Usage::of(&self.0.id().to_string())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the program that started this one is gone.
pub(crate) fn until_orphaned() {
    drop(io::stdin().read_line(&mut String::new()));
}

/// The Python of the first of these virtual environments that is there.
pub(crate) fn python(environments: &[&str]) -> Option<PathBuf> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let pythons = environments
        .iter()
        .map(|name| project.join(name).join("bin/python"));
    pythons.into_iter().find(|python| python.exists())
}

/// What a process has used since its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// Seconds on a processor, all threads together.
    pub(crate) cpu: f64,
    /// Memory in use, KiB.
    pub(crate) resident: u64,
    /// The most memory that was ever in use, KiB.
    pub(crate) peak: u64,
    /// How often each thread went to sleep and was woken, by name.
    pub(crate) wakes: Vec<(String, u64)>,
}

impl Usage {
    /// How often any thread was woken.
    pub(crate) fn all_wakes(&self) -> u64 {
        self.wakes.iter().map(|(_, wakes)| wakes).sum()
    }

    pub(crate) fn of_this_process() -> io::Result<Self> {
        Self::of("self")
    }

    fn of(process: &str) -> io::Result<Self> {
        let root = PathBuf::from("/proc").join(process);
        let status = std::fs::read_to_string(root.join("status"))?;
        let mut usage = Self {
            resident: number_of(&status, "VmRSS:"),
            peak: number_of(&status, "VmHWM:"),
            ..Self::default()
        };
        for thread in std::fs::read_dir(root.join("task"))? {
            let thread = thread?.path();
            let times = std::fs::read_to_string(thread.join("schedstat"))?;
            let nanos = times.split(' ').next().and_then(|n| n.parse().ok());
            usage.cpu += Duration::from_nanos(nanos.unwrap_or(0)).as_secs_f64();
            let status = std::fs::read_to_string(thread.join("status"))?;
            let name = text_of(&status, "Name:").to_owned();
            let wakes = number_of(&status, "voluntary_ctxt_switches:");
            usage.wakes.push((name, wakes));
        }
        Ok(usage)
    }
}

fn text_of<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim()
}

fn number_of(status: &str, name: &str) -> u64 {
    let text = text_of(status, name).trim_end_matches(" kB");
    text.parse().unwrap_or(0)
}
