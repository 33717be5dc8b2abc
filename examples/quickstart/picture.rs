//! The picture to work on: one that is given, or a landscape that is made.

use std::path::{Path, PathBuf};

use image::{ImageReader, Rgb, RgbImage};

const WIDTH: u32 = 1600;
const HEIGHT: u32 = 1200;

/// The size of a picture, from the beginning of its file.
pub(super) fn size_of(path: &Path) -> Result<(u32, u32), String> {
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    reader
        .into_dimensions()
        .map_err(|error| format!("{} is no PNG or JPEG picture: {error}", path.display()))
}

/// Makes a landscape: a sky, a sun, three ranges of hills, a lake, and the grain of
/// a photograph. The same one each time.
pub(super) fn make(path: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let grain = (noise(x, y) - 0.5) * 14.0;
        Rgb(landscape(f64::from(x), f64::from(y)).map(|channel| byte(channel + grain)))
    });
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    picture.save(path)?;
    Ok(path.to_owned())
}

type Colour = [f64; 3];

fn landscape(x: f64, y: f64) -> Colour {
    const SHORE: f64 = 900.0;
    if y < SHORE {
        return land(x, y);
    }
    // The lake shows the land upside down, in waves that grow towards us.
    let depth = y - SHORE;
    let wave = (depth / 6.0 + (x / 90.0).sin()).sin() * depth / 30.0;
    let mirrored = land(x + wave, SHORE - 1.0 - depth * 1.6);
    blend(mirrored, [18.0, 42.0, 66.0], 0.35)
}

fn land(x: f64, y: f64) -> Colour {
    const RANGES: [(f64, f64, Colour); 3] = [
        (560.0, 120.0, [128.0, 130.0, 168.0]),
        (680.0, 80.0, [78.0, 92.0, 118.0]),
        (800.0, 50.0, [34.0, 58.0, 48.0]),
    ];
    let ridge = |base: f64, height: f64| {
        let x = x + base;
        base - height * ((x / 210.0).sin() + 0.5 * (x / 83.0).sin() + 0.2 * (x / 29.0).sin())
    };
    let nearest = RANGES
        .iter()
        .rev()
        .find(|(base, height, _)| y > ridge(*base, *height));
    if let Some((base, height, colour)) = nearest {
        let below = (y - ridge(*base, *height)) / 300.0;
        return blend(*colour, [12.0, 18.0, 20.0], below.clamp(0.0, 0.6));
    }
    let sky = blend(
        [70.0, 118.0, 186.0],
        [250.0, 196.0, 150.0],
        (y / 700.0).clamp(0.0, 1.0),
    );
    let from_sun = (x - 1130.0).hypot(y - 330.0);
    let glow = if from_sun < 70.0 {
        1.0
    } else {
        0.7 * (-(from_sun - 70.0) / 140.0).exp()
    };
    blend(sky, [255.0, 246.0, 214.0], glow)
}

fn blend(a: Colour, b: Colour, share: f64) -> Colour {
    std::array::from_fn(|channel| a[channel] * (1.0 - share) + b[channel] * share)
}

/// From 0 to 1, without a pattern, by place.
fn noise(x: u32, y: u32) -> f64 {
    let mut hash = x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B);
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0xC2B2_AE35);
    hash ^= hash >> 13;
    f64::from(hash) / f64::from(u32::MAX)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte"
)]
fn byte(channel: f64) -> u8 {
    channel.clamp(0.0, 255.0) as u8
}
