//! Settings in the making: what the variables and keys give, before the parts
//! that depend on each other are put together.

use std::time::Duration;

use serde_json::Value as Json;

use super::orchestrators::Entry;
use super::problem::{Notes, Place};
use super::{OrchestratorMode, Settings, Token};
use crate::id::WorkerId;

/// Settings, and beside them what cannot go into a field by itself.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) settings: Settings,
    pub(super) worker_token: Option<Token>,
    pub(super) orchestrator_url: Option<String>,
    pub(super) orchestrators: Option<Vec<Entry>>,
    pub(super) gpu_model: Option<String>,
    pub(super) gpu_vram_gb: Option<u32>,
    pub(super) gpu_id: Option<String>,
    pub(super) resource_attributes: Option<String>,
}

/// Reads JSON into the draft.
pub(super) type Reader = fn(&mut Draft, &Place, &Json, &mut Notes);

/// Where a checked value goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Text(fn(&mut Draft, String)),
    Secret(fn(&mut Draft, Token)),
    Id(fn(&mut Draft, WorkerId)),
    Flag(fn(&mut Draft, bool)),
    U16(fn(&mut Draft, u16)),
    U32(fn(&mut Draft, u32)),
    Bytes(fn(&mut Draft, u64)),
    Size(fn(&mut Draft, usize)),
    Attempts(fn(&mut Draft, Option<u32>)),
    Number(fn(&mut Draft, f64)),
    Seconds(fn(&mut Draft, Duration)),
    Mode(fn(&mut Draft, OrchestratorMode)),
    /// The place of the word among those of [`Kind::OneOf`](super::Kind::OneOf).
    Choice(fn(&mut Draft, usize)),
    Json(Reader),
    /// Names the file, which is read before anything is put anywhere.
    File(()),
}
