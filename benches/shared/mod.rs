//! What the benches have in common. Each uses its part of it.

pub(crate) mod bare;
pub(crate) mod bare_dist;
pub(crate) mod bare_still;
pub(crate) mod machine;
pub(crate) mod orchestrator;
pub(crate) mod process;
pub(crate) mod sheet;
pub(crate) mod stats;
pub(crate) mod worker;
