//! What goes wrong, and with which exchange.

use std::time::Duration;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Register,
    Beat,
    Poll,
    /// A poll that the orchestrator has answered with a task. Takes faults of the
    /// answer only.
    Task,
    Result,
    Other,
}

impl Kind {
    pub(super) fn of(method: &str, target: &str) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        match method {
            "GET" if path.ends_with("/tasks/next") => Self::Poll,
            "PATCH" => Self::Beat,
            "POST" if path.ends_with("/tasks/result") => Self::Result,
            "POST" if path.ends_with("/register") => Self::Register,
            _ => Self::Other,
        }
    }
}

/// What goes wrong with an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// The connection closes; the server never saw the request.
    DropRequest,
    /// The connection is reset; the server never saw the request.
    Reset,
    /// 503; the server never saw the request.
    Unavailable,
    /// No answer, and the connection stays open; the server never saw the request.
    Hang,
    /// The request is held back for this time.
    Delay(Duration),
    /// The server sees a copy of the request as well, after it has answered the first.
    Duplicate,
    /// The server has answered; the connection closes instead.
    DropAnswer,
    /// The server has answered; nothing arrives, and the connection stays open.
    Swallow,
    /// Half of the answer's body arrives, then the connection closes.
    Truncate,
    /// The answer comes in eight pieces with this time between them.
    Drip(Duration),
    /// All is well, but the connection is reset a moment later, while it is idle.
    ResetIdle,
}

/// Which exchanges are spoiled.
pub(super) struct Plan {
    random: fastrand::Rng,
    script: Vec<(Kind, Fault, usize)>,
    rate: f64,
    mix: Vec<(Fault, u32)>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            script: Vec::new(),
            rate: 0.0,
            mix: Vec::new(),
        }
    }

    pub(super) fn script(&mut self, kind: Kind, fault: Fault, times: usize) {
        self.script.push((kind, fault, times));
    }

    pub(super) fn storm(&mut self, rate: f64, mix: &[(Fault, u32)]) {
        self.rate = rate;
        self.mix = mix.to_vec();
    }

    pub(super) fn calm(&mut self) {
        self.script.clear();
        self.rate = 0.0;
    }

    /// The script comes first; a task is one answer of a poll, which has had its draw.
    pub(super) fn decide(&mut self, kind: Kind) -> Option<Fault> {
        let due = |(of, _, left): &&mut (Kind, Fault, usize)| *of == kind && *left > 0;
        if let Some((_, fault, left)) = self.script.iter_mut().find(due) {
            *left -= 1;
            return Some(*fault);
        }
        if kind == Kind::Task || self.random.f64() >= self.rate {
            return None;
        }
        let total = self.mix.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.random.u32(0..total);
        let drawn = self.mix.iter().find(|(_, weight)| {
            let is_it = draw < *weight;
            draw = draw.wrapping_sub(*weight);
            is_it
        });
        drawn.map(|(fault, _)| *fault)
    }
}
