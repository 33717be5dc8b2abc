//! The handler: it would be the same in a worker that is a program of its own.

use axon_worker::{Data, TaskContext, TaskError};
use image::ImageReader;
use serde::{Deserialize, Serialize};

use crate::shelf::Shelf;

#[derive(Deserialize)]
pub(crate) struct Shrink {
    picture: u64,
    width: u32,
}

#[derive(Serialize)]
pub(crate) struct Small {
    width: u32,
    height: u32,
    bytes: u64,
}

/// Blocks while it computes, so it is registered with `blocking`.
pub(crate) fn shrink(
    params: Shrink,
    task: TaskContext,
    shelf: Data<Shelf>,
) -> Result<Small, TaskError> {
    task.progress_now(0.1, "reading");
    let reader = ImageReader::open(shelf.original(params.picture))?.with_guessed_format()?;
    let picture = reader
        .decode()
        .map_err(|error| TaskError::invalid_input(format!("not a picture: {error}")))?;
    task.progress_now(0.5, "shrinking");
    // The height follows, so that nothing is distorted.
    let small = picture.thumbnail(params.width, u32::MAX);
    task.progress_now(0.9, "writing");
    let path = shelf.small(params.picture);
    small.save(&path)?;
    Ok(Small {
        width: small.width(),
        height: small.height(),
        bytes: std::fs::metadata(&path)?.len(),
    })
}
