//! Plots of what was found, written to `docs/plots/` when asked for.

mod svg;

use std::io;
use std::path::Path;

use crate::scenarios::latency::{FIXED, PERCENTILES};
use crate::scenarios::throughput::RATE;
use crate::shared::sheet::{Metric, Sheet};
use svg::{Bar, Group, Plot};

/// Plots of those scenarios that were run and found something.
pub(crate) fn write(sheets: &[Sheet]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plots");
    std::fs::create_dir_all(&folder)?;
    let of = |name: &str| sheets.iter().find(|sheet| sheet.name == name);
    let plots = [
        ("throughput", of("throughput").map(throughput)),
        ("latency", of("latency").map(latency)),
    ];
    for (name, plot) in plots {
        let Some(plot) = plot.filter(|plot| !plot.groups.is_empty()) else {
            continue;
        };
        let file = folder.join(format!("{name}.svg"));
        std::fs::write(&file, plot.draw())?;
        println!("wrote {}", file.display());
    }
    Ok(())
}

fn throughput(sheet: &Sheet) -> Plot {
    let group = |case: &str| Group {
        name: case.to_owned(),
        bars: bars(sheet, case, |side| sheet.values(case, side, RATE)),
    };
    Plot {
        title: "No-op tasks per second, median and spread of the rounds".to_owned(),
        unit: "",
        groups: sheet.cases().into_iter().map(group).collect(),
    }
}

fn latency(sheet: &Sheet) -> Plot {
    let group = |(metric, _): (Metric, f64)| Group {
        name: format!("{FIXED}, {}", metric.name),
        bars: bars(sheet, FIXED, |side| sheet.values(FIXED, side, metric)),
    };
    Plot {
        title: "From the time a task is due to its result, 200 tasks per second".to_owned(),
        unit: " ms",
        groups: PERCENTILES.into_iter().map(group).collect(),
    }
}

fn bars<'a>(sheet: &'a Sheet, case: &str, values: impl Fn(&str) -> &'a [f64]) -> Vec<Bar> {
    let sides = sheet.sides(case).into_iter();
    sides
        .filter_map(|side| Bar::of(side, values(side)))
        .collect()
}
