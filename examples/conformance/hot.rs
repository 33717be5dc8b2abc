//! Models that are loaded and dropped, and the skills that depend on them.

use axon_worker::{HotCache, RawJson, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::trace::Trace;

#[derive(Deserialize)]
pub struct Model {
    model: String,
}

/// Adds a model to the hot cache.
pub async fn warm(params: Model, cache: HotCache, _: Trace) -> Result<Value, TaskError> {
    Ok(json!({ "hot_cache": cache.add(params.model).await }))
}

/// Removes a model from the hot cache.
pub async fn cool(params: Model, cache: HotCache, _: Trace) -> Result<Value, TaskError> {
    Ok(json!({ "hot_cache": cache.remove(params.model).await }))
}

/// A skill that needs models.
pub async fn ready(_: RawJson, _: Trace) -> Result<Value, TaskError> {
    Ok(json!({ "ok": true }))
}
