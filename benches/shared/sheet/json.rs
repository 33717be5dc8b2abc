//! Numbers for programs: `target/bench/<scenario>.json`.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Sheet;
use crate::shared::machine;

/// Where numbers and logs go.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let folder = project
        .join(target.map_or_else(|| "target".into(), PathBuf::from))
        .join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Sheet {
    pub(crate) fn write(&self) -> io::Result<()> {
        let file = folder()?.join(format!("{}.json", self.name));
        std::fs::write(file, format!("{:#}\n", self.as_json()))
    }

    fn as_json(&self) -> Value {
        let series = self.series.iter().map(|series| {
            json!({
                "case": series.case,
                "side": series.side,
                "metric": series.metric.name,
                "unit": series.metric.unit,
                "rounds": series.values,
            })
        });
        let goals = self.goals.iter().map(|goal| {
            json!({
                "what": goal.what,
                "unit": goal.unit,
                "wanted": goal.bound.text(),
                "median": goal.found.map(|(median, ..)| median),
                "least": goal.found.map(|(_, least, _)| least),
                "most": goal.found.map(|(_, _, most)| most),
                "verdict": goal.word(),
            })
        });
        json!({
            "scenario": self.name,
            "title": self.title,
            "machine": machine::description(),
            "load_after": machine::load(),
            "series": series.collect::<Value>(),
            "goals": goals.collect::<Value>(),
            "failed": self.troubles,
        })
    }
}
