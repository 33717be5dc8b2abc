//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use super::handlers::MOST_PIXELS;
use super::pixels::Filter;

pub(super) const HELP: &str = "\
Resizes a picture and applies filters to it, as a job of two tasks.

Usage: quickstart [OPTIONS] [INPUT]

  INPUT             a PNG or JPEG file; without one a picture is made

  --width N         width of the output in pixels [800]
  --height N        height of the output in pixels [600]
  --filters A,B     any of sharpen, contrast, blur, grayscale, invert [sharpen,contrast]
  --output PATH     a .png, .jpg or .jpeg file [target/quickstart/output.png]
  --help            this text";

/// What to do.
pub(super) enum Command {
    Run(Options),
    Help,
}

/// The job that is asked for.
pub(super) struct Options {
    pub(super) input: Option<PathBuf>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) filters: Vec<Filter>,
    pub(super) output: PathBuf,
}

/// Reads the arguments. The error says which one is wrong and what is allowed.
pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut args = args;
    let mut options = Options {
        input: None,
        width: 800,
        height: 600,
        filters: vec![Filter::Sharpen, Filter::Contrast],
        output: PathBuf::from("target/quickstart/output.png"),
    };
    while let Some(arg) = args.next() {
        let Some(option) = arg.to_str().filter(|text| text.starts_with('-')) else {
            if options.input.is_some() {
                return Err(format!(
                    "a second input \"{}\"; one picture is enough",
                    arg.display()
                ));
            }
            options.input = Some(arg.into());
            continue;
        };
        if matches!(option, "--help" | "-h") {
            return Ok(Command::Help);
        }
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (option, None),
        };
        if !["--width", "--height", "--filters", "--output"].contains(&name) {
            return Err(format!("unknown option {name:?}"));
        }
        let value = value
            .or_else(|| args.next())
            .ok_or_else(|| format!("{name} needs a value"))?;
        match name {
            "--width" => options.width = pixels(name, &value)?,
            "--height" => options.height = pixels(name, &value)?,
            "--filters" => options.filters = filters(&value)?,
            _ => options.output = picture_file(value)?,
        }
    }
    Ok(Command::Run(options))
}

fn pixels(option: &str, value: &OsString) -> Result<u32, String> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|pixels| (1..=MOST_PIXELS).contains(pixels))
        .ok_or_else(|| {
            format!(
                "{option}: expected a whole number from 1 to {MOST_PIXELS}, got \"{}\"",
                value.display()
            )
        })
}

fn filters(value: &OsString) -> Result<Vec<Filter>, String> {
    let names = value.to_string_lossy();
    names
        .split(',')
        .map(|name| {
            Filter::named(name.trim()).ok_or_else(|| {
                let known = Filter::ALL.map(Filter::name).join(", ");
                format!("--filters: no filter is called {name:?}, expected {known}")
            })
        })
        .collect()
}

/// Tells early what writing would tell late.
fn picture_file(value: OsString) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    if ["png", "jpg", "jpeg"]
        .iter()
        .any(|known| extension == *known)
    {
        Ok(path)
    } else {
        Err(format!(
            "--output: expected a .png, .jpg or .jpeg file, got \"{}\"",
            path.display()
        ))
    }
}
