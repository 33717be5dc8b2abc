//! Those who are compared, each a process of its own.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::context::Context;
use crate::shared::orchestrator::Orchestrator;
use crate::shared::process::{Part, python, until_orphaned};
use crate::shared::sheet::json;
use crate::shared::worker::{Shape, TOKEN, start_worker};
use crate::shared::{bare, bare_still};

/// Who is measured. The dialects of RXON have a worker of ours and one of the SDK each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Loops of bare sockets.
    Sockets,
    /// Bare sockets with the heartbeats and the poll of a worker that has nothing to do.
    Still,
    /// Loops of `awc`, the client that comes with actix.
    Awc,
    /// This crate as it is deployed, RXON 1.0b2: default settings, with a journal.
    Ours,
    /// The same without a journal.
    OursUnkept,
    /// avtomatika-worker 1.0b4, RXON 1.0b2.
    Sdk4,
    /// This crate as it is deployed, RXON 1.0b17, which signs all it sends.
    OursSigned,
    /// avtomatika-worker 1.0b20, RXON 1.0b17, which signs all it sends.
    Sdk20,
    /// The same with the built-in token, with which it does not sign.
    Sdk20Unsigned,
}

pub(crate) use Side::{
    Awc, Ours, OursSigned, OursUnkept, Sdk4, Sdk20, Sdk20Unsigned, Sockets, Still,
};

/// Our worker and the SDK's, in both dialects.
pub(crate) const WORKERS: &[Side] = &[Ours, Sdk4, OursSigned, Sdk20];

/// Whom ours is compared with, in the same dialect.
pub(crate) const PAIRS: [(Side, Side); 2] = [(Ours, Sdk4), (OursSigned, Sdk20)];

/// What a side is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) slots: usize,
    /// Whether it listens for commands.
    pub(crate) commands: bool,
    /// Whether a peer asks for the next task without a pause.
    pub(crate) eager: bool,
    /// Seconds between heartbeats, and the least between two, if not the default.
    pub(crate) beats: Option<(f64, f64)>,
}

impl Setup {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            address: String::new(),
            token: TOKEN.to_owned(),
            slots,
            commands: false,
            eager: true,
            beats: None,
        }
    }
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sockets => "sockets",
            Still => "still sockets",
            Awc => "awc",
            Ours => "ours",
            OursUnkept => "ours, journal off",
            Sdk4 => "SDK 1.0b4",
            OursSigned => "ours 1.0b17",
            Sdk20 => "SDK 1.0b20",
            Sdk20Unsigned => "SDK 1.0b20 unsigned",
        }
    }

    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Sdk4 | Sdk20 | Sdk20Unsigned)
    }

    /// The virtual environment and the program of a peer.
    pub(crate) fn peer(self) -> Option<(&'static str, &'static str)> {
        match self {
            Sdk4 => Some((".venv-sdk-1.0b4", "peer_1_0b4.py")),
            Sdk20 | Sdk20Unsigned => Some((".venv-sdk-1.0b20", "peer_1_0b20.py")),
            Sockets | Still | Awc | Ours | OursUnkept | OursSigned => None,
        }
    }

    /// Starts this side for an orchestrator.
    pub(crate) fn start(
        self,
        context: &Context,
        orchestrator: &Orchestrator,
        setup: &Setup,
    ) -> io::Result<Part> {
        let mut setup = setup.clone();
        setup.address = orchestrator.address.to_string();
        if self == Sdk20Unsigned {
            "your-secret-worker-token".clone_into(&mut setup.token);
        }
        let setup = serde_json::to_string(&setup)?;
        let mut command = match self.peer() {
            None => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--side", self.name(), &setup]);
                command
            }
            Some((environment, script)) => {
                let python = python(&[environment]).ok_or_else(|| {
                    io::Error::other(format!("{environment} is missing: ./bench makes it"))
                })?;
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare");
                let mut command = Command::new(python);
                command.arg(folder.join(script)).arg(&setup);
                command
            }
        };
        Part::spawn(command.stdout(Stdio::null()).stderr(context.log(self)?))
    }
}

/// Plays one of our sides until the program that started it is gone.
pub(crate) fn play(name: &str, setup: &str) -> Result<(), Failure> {
    let setup: Setup = serde_json::from_str(setup)?;
    if [Ours, OursUnkept, OursSigned]
        .map(Side::name)
        .contains(&name)
    {
        // On the disk of the build, for temporary files may be in memory.
        let folder = tempfile::tempdir_in(json::folder()?)?;
        let has_journal = name != OursUnkept.name();
        let shape = Shape {
            journal: has_journal.then(|| folder.path().to_owned()),
            signs: name == OursSigned.name(),
            commands: setup.commands,
            beats: setup.beats.map(|(interval, cooldown)| {
                let seconds = Duration::from_secs_f64;
                (seconds(interval), seconds(cooldown))
            }),
            ..Shape::new(setup.slots)
        };
        let _worker = start_worker(&setup.address, &shape)?;
        until_orphaned();
        return Ok(());
    }
    std::thread::spawn(|| {
        until_orphaned();
        std::process::exit(0);
    });
    if name == Awc.name() {
        bare::run_awc(&setup.address, setup.slots)?;
    } else if name == Still.name() {
        bare_still::run(&setup.address)?;
    } else {
        bare::run_sockets(&setup.address, setup.slots)?;
    }
    Ok(())
}
