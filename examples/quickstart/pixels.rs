//! What becomes of single pixels; plain functions of the picture before.

use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

/// A filter that looks at a pixel and its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Filter {
    Sharpen,
    Contrast,
    Blur,
    Grayscale,
    Invert,
}

impl Filter {
    pub(super) const ALL: [Self; 5] = [
        Self::Sharpen,
        Self::Contrast,
        Self::Blur,
        Self::Grayscale,
        Self::Invert,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sharpen => "sharpen",
            Self::Contrast => "contrast",
            Self::Blur => "blur",
            Self::Grayscale => "grayscale",
            Self::Invert => "invert",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.name() == name)
    }

    /// The new value of a pixel.
    pub(super) fn pixel(self, picture: &RgbImage, x: u32, y: u32) -> Rgb<u8> {
        let here = picture.get_pixel(x, y).0.map(f32::from);
        let new = match self {
            Self::Sharpen => mix(here, mean(picture, x, y), |own, mean| {
                own + 1.5 * (own - mean)
            }),
            Self::Contrast => here.map(|own| 128.0 + 1.25 * (own - 128.0)),
            Self::Blur => mean(picture, x, y),
            Self::Grayscale => [0.299 * here[0] + 0.587 * here[1] + 0.114 * here[2]; 3],
            Self::Invert => here.map(|own| 255.0 - own),
        };
        rgb(new)
    }
}

/// The mean of a pixel and its eight neighbours; at the edge, of those there are.
fn mean(picture: &RgbImage, x: u32, y: u32) -> [f32; 3] {
    let (width, height) = picture.dimensions();
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
        for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
            let near = picture.get_pixel(x, y).0.map(f32::from);
            sum = mix(sum, near, |sum, near| sum + near);
            count += 1.0;
        }
    }
    sum.map(|sum| sum / count)
}

fn mix(a: [f32; 3], b: [f32; 3], f: impl Fn(f32, f32) -> f32) -> [f32; 3] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2])]
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte"
)]
fn rgb(channels: [f32; 3]) -> Rgb<u8> {
    Rgb(channels.map(|channel| channel.round().clamp(0.0, 255.0) as u8))
}

/// Resampling to another size: every new pixel is a weighted mean of the old ones
/// that it covers. What does not fit the new proportions is cut off evenly.
pub(super) struct Scaling {
    columns: Vec<Covered>,
    rows: Vec<Covered>,
}

/// The old columns (or rows) under a new one: where they begin, and their weights.
struct Covered {
    first: u32,
    weights: Vec<f32>,
}

impl Scaling {
    pub(super) fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        let (from_width, from_height) = (f64::from(from.0), f64::from(from.1));
        let (width, height) = (f64::from(to.0), f64::from(to.1));
        let step = (from_width / width).min(from_height / height);
        Self {
            columns: cover(from.0, to.0, step, (from_width - step * width) / 2.0),
            rows: cover(from.1, to.1, step, (from_height - step * height) / 2.0),
        }
    }

    /// A pixel of the new picture.
    pub(super) fn pixel(&self, source: &RgbImage, x: u32, y: u32) -> Rgb<u8> {
        let (column, row) = (&self.columns[x as usize], &self.rows[y as usize]);
        let mut sum = [0.0; 3];
        for (y, down) in (row.first..).zip(&row.weights) {
            for (x, across) in (column.first..).zip(&column.weights) {
                let old = source.get_pixel(x, y).0.map(f32::from);
                sum = mix(sum, old, |sum, old| sum + old * down * across);
            }
        }
        rgb(sum)
    }
}

/// A triangle round each new centre, as wide as a new pixel or an old one,
/// whichever is more.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the picture; weights need no precision"
)]
fn cover(from: u32, to: u32, step: f64, offset: f64) -> Vec<Covered> {
    let reach = step.max(1.0);
    let last = f64::from(from - 1);
    let one = |place| {
        let centre = offset + (f64::from(place) + 0.5) * step - 0.5;
        let first = (centre - reach).ceil().clamp(0.0, last) as u32;
        let end = (centre + reach).floor().clamp(0.0, last) as u32;
        let weight = |old: u32| (1.0 - (f64::from(old) - centre).abs() / reach).max(1e-6);
        let total: f64 = (first..=end).map(weight).sum();
        let weights = (first..=end)
            .map(|old| (weight(old) / total) as f32)
            .collect();
        Covered { first, weights }
    };
    (0..to).map(one).collect()
}
