//! DistWorker.
mod url;
pub(crate) mod wire;
