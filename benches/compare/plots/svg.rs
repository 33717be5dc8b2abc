//! Horizontal bars on a scale of powers of ten, as plain SVG that is readable in light and
//! dark: colours follow what the reader prefers.

use std::fmt::Write;

use crate::shared::stats::{median, spread};

pub(super) struct Plot {
    pub(super) title: String,
    /// What comes after each number.
    pub(super) unit: &'static str,
    pub(super) groups: Vec<Group>,
}

pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// One side: the median, with the least and the most as a whisker.
pub(super) struct Bar {
    name: String,
    middle: f64,
    least: f64,
    most: f64,
}

impl Bar {
    /// None without a value that has a place on an axis.
    pub(super) fn of(name: &str, values: &[f64]) -> Option<Self> {
        let (least, most) = spread(values);
        (least.is_finite() && most.is_finite()).then(|| Self {
            name: name.to_owned(),
            middle: median(values.iter().copied()),
            least,
            most,
        })
    }

    fn class(&self) -> &'static str {
        match self.name.as_str() {
            name if name.starts_with("ours") => "ours",
            name if name.starts_with("SDK") => "sdk",
            _ => "bare",
        }
    }
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and where they end at the latest.
const LEFT: f64 = 170.0;
const RIGHT: f64 = 660.0;
const TOP: f64 = 34.0;
/// Height of a bar with the room below it, and of the name of a group.
const ROW: f64 = 22.0;
const HEADING: f64 = 34.0;

const STYLE: &str = "text{font:13px sans-serif;fill:#1f2328}.title{font-weight:bold}\
.group{font-weight:bold;font-size:12px}.tick{font-size:11px;fill:#59636e}\
line{stroke:#d1d9e0}.whisker{stroke:#1f2328;stroke-width:1.5}\
.ours{fill:#0969da}.sdk{fill:#bc4c00}.bare{fill:#818b98}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.tick{fill:#9198a1}line{stroke:#3d444d}\
.whisker{stroke:#f0f6fc}.ours{fill:#4493f8}.sdk{fill:#f0883e}.bare{fill:#9198a1}}";

impl Plot {
    /// The whole file.
    pub(super) fn draw(&self) -> String {
        let bars = || self.groups.iter().flat_map(|group| &group.bars);
        let least = bars().map(|bar| bar.least).fold(f64::INFINITY, f64::min);
        let most = bars().map(|bar| bar.most).fold(0.0, f64::max);
        let axis = Axis::over(least, most);
        let mut body = String::new();
        let mut y = TOP;
        for group in &self.groups {
            text(&mut body, "group", (8.0, y + 26.0), "start", &group.name);
            y += HEADING;
            for bar in &group.bars {
                self.draw_bar(&mut body, bar, &axis, y);
                y += ROW;
            }
        }
        let (title, height) = (&self.title, y + 30.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n"
        );
        text(&mut svg, "title", (8.0, 20.0), "start", title);
        for value in axis.ticks() {
            let x = axis.x(value);
            line(&mut svg, "tick", (x, TOP), (x, y + 6.0));
            text(
                &mut svg,
                "tick",
                (x, y + 21.0),
                "middle",
                &self.figure(value),
            );
        }
        svg + &body + "</svg>\n"
    }

    fn draw_bar(&self, svg: &mut String, bar: &Bar, axis: &Axis, y: f64) {
        text(svg, "name", (LEFT - 8.0, y + 14.0), "end", &bar.name);
        let end = axis.x(bar.middle);
        let (class, top, width, height) = (bar.class(), y + 2.0, end - LEFT, ROW - 7.0);
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2\"/>"
        );
        let (least, most, middle) = (axis.x(bar.least), axis.x(bar.most), y + 9.5);
        line(svg, "whisker", (least, middle), (most, middle));
        let at = (most.max(end) + 6.0, y + 14.0);
        text(svg, "value", at, "start", &self.figure(bar.middle));
    }

    fn figure(&self, value: f64) -> String {
        let unit = self.unit;
        match value {
            _ if value >= 100.0 => format!("{value:.0}{unit}"),
            _ if value >= 1.0 => format!("{value:.1}{unit}"),
            _ => format!("{value:.2}{unit}"),
        }
    }
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

/// From values to places, by powers of ten.
struct Axis {
    low: i32,
    high: i32,
}

/// What has a place on an axis.
fn power(value: f64) -> f64 {
    value.max(1e-9).log10()
}

impl Axis {
    #[expect(clippy::cast_possible_truncation, reason = "a few powers of ten")]
    fn over(least: f64, most: f64) -> Self {
        let low = power(least).floor() as i32;
        let high = power(most).ceil() as i32;
        Self {
            low,
            high: high.max(low + 1),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (power(value) - f64::from(self.low)) / f64::from(self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10.0_f64.powi(power))
    }
}
