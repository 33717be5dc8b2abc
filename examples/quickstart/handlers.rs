//! The two task handlers. Both compute, so both are registered as blocking: they
//! have a thread to themselves and look now and then whether they are called off.
//!
//! Pictures come as local files and leave as local files. Between the tasks they are
//! objects of a storage, which is none of a handler's business.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

use axon_worker::{TaskContext, TaskError, TaskFile, Valid};
use garde::Validate;
use image::{Rgb, RgbImage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::pixels::{Filter, Scaling};

/// Longest side of a picture.
pub(super) const MOST_PIXELS: u32 = 16_384;

/// Rows between two progress reports.
const BLOCK: u32 = 32;

#[derive(Deserialize, Validate)]
pub(super) struct Resize {
    #[garde(skip)]
    image: TaskFile,
    #[garde(range(min = 1, max = MOST_PIXELS))]
    width: u32,
    #[garde(range(min = 1, max = MOST_PIXELS))]
    height: u32,
}

/// Brings a picture to the size that is asked for, cutting off what is too much.
pub(super) fn resize_image(
    Valid(params): Valid<Resize>,
    task: TaskContext,
) -> Result<Value, TaskError> {
    let source = load(&params.image)?;
    let scaling = Scaling::new(source.dimensions(), (params.width, params.height));
    let pixel = |x, y| scaling.pixel(&source, x, y);
    let resized = paint(
        &task,
        "resize",
        0.0..1.0,
        (params.width, params.height),
        pixel,
    )?;
    let path = task.files().path_to_now("resized.png")?;
    save(&resized, &path)?;
    let (from_width, from_height) = source.dimensions();
    Ok(json!({ "resized": {
        "image": path,
        "from": format!("{from_width}x{from_height}"),
        "size": format!("{}x{}", params.width, params.height),
    }}))
}

#[derive(Deserialize)]
pub(super) struct ApplyFilters {
    image: TaskFile,
    filters: Vec<Filter>,
    /// A name; its ending says in which format.
    save_as: String,
}

/// Applies filters one after the other and writes the result.
pub(super) fn apply_filters(params: ApplyFilters, task: TaskContext) -> Result<Value, TaskError> {
    let mut picture = load(&params.image)?;
    let share = 1.0 / f64::from(u32::try_from(params.filters.len())?.max(1));
    let mut done = 0.0;
    for filter in &params.filters {
        let pixel = |x, y| filter.pixel(&picture, x, y);
        let size = picture.dimensions();
        picture = paint(&task, filter.name(), done..done + share, size, pixel)?;
        done += share;
    }
    let path = task.files().path_to_now(&params.save_as)?;
    save(&picture, &path)?;
    let names: Vec<_> = params.filters.iter().map(|filter| filter.name()).collect();
    Ok(json!({ "filtered": {
        "image": path,
        "filters": names.join(", "),
        "bytes": std::fs::metadata(&path)?.len(),
    }}))
}

/// A file that cannot be read may be there later; one that is no picture stays none.
fn load(path: &Path) -> Result<RgbImage, TaskError> {
    let file = std::fs::read(path).map_err(|error| TaskError::transient(at(path, &error)))?;
    let picture = image::load_from_memory(&file)
        .map_err(|error| TaskError::invalid_input(at(path, &error)))?;
    Ok(picture.into_rgb8())
}

fn save(picture: &RgbImage, path: &Path) -> Result<(), TaskError> {
    let saved = picture.save(path);
    saved.map_err(|error| TaskError::transient(at(path, &error)))
}

fn at(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}

/// Fills a picture row by row, reporting progress after each block of rows.
fn paint(
    task: &TaskContext,
    what: &str,
    share: Range<f64>,
    (width, height): (u32, u32),
    pixel: impl Fn(u32, u32) -> Rgb<u8>,
) -> Result<RgbImage, TaskError> {
    let mut picture = RgbImage::new(width, height);
    for (y, row) in (0..height).zip(picture.rows_mut()) {
        if y % BLOCK == 0 {
            if task.is_cancelled() {
                return Err(TaskError::transient("called off"));
            }
            let done = f64::from(y) / f64::from(height);
            let progress = share.start + done * (share.end - share.start);
            task.progress_now(progress, format!("{what}: row {y} of {height}"));
        }
        for (x, target) in (0..width).zip(row) {
            *target = pixel(x, y);
        }
    }
    task.progress_now(share.end, format!("{what}: done"));
    Ok(picture)
}
