//! This worker, as it is deployed, beside the published Python SDKs, bare loops of `awc`
//! and bare sockets: every scenario in one run, the sides in turns. Run it with `./bench`,
//! which sets up the Python side; see `docs/performance.md`.
//!
//! ```sh
//! ./bench                    # everything, about 15 minutes
//! ./bench quick              # everything, briefly
//! ./bench latency startup    # some scenarios
//! ./bench --plots            # writes docs/plots/*.svg as well
//! ```
//!
//! Prints tables, writes numbers to `target/bench/`, asserts nothing about time. Without
//! `--bench`, as under `cargo test`, it shows on tiny sizes and without the Python side
//! that all scenarios work.

mod context;
mod plots;
mod scenarios;
#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;
mod side;

use std::process::ExitCode;

use context::{Context, Scale};
use scenarios::{ALL, Scenario};
use shared::machine;
use shared::sheet::Sheet;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, setup] = arguments.as_slice()
        && flag == "--side"
    {
        side::play(name, setup)?;
        return Ok(ExitCode::SUCCESS);
    }
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let scale = match (has("--bench"), has("quick")) {
        (false, _) => Scale::Trial,
        (true, true) => Scale::Quick,
        (true, false) => Scale::Full,
    };
    let names = arguments
        .iter()
        .filter(|word| !word.starts_with('-') && *word != "quick");
    let Some(chosen) = choose(names) else {
        return Ok(ExitCode::from(2));
    };
    let context = Context::new(scale)?;
    println!(
        "{}, load {:.1} before",
        machine::description(),
        machine::load()
    );
    let sheets: Vec<Sheet> = chosen
        .iter()
        .map(|scenario| scenario.run(&context))
        .collect();
    if has("--plots") {
        plots::write(&sheets)?;
    }
    if scale != Scale::Trial {
        println!("\n# Goals");
        sheets.iter().for_each(Sheet::print_goals);
    }
    println!("\nload {:.1} after", machine::load());
    sheets.iter().for_each(Sheet::print_troubles);
    let failed = sheets.iter().any(Sheet::has_trouble);
    Ok(ExitCode::from(u8::from(failed)))
}

/// The scenarios with these names; all without names; none for a name that there is not.
fn choose<'a>(names: impl Iterator<Item = &'a String>) -> Option<Vec<&'static Scenario>> {
    let mut chosen = Vec::new();
    for name in names {
        let Some(scenario) = ALL.iter().find(|scenario| scenario.name == name) else {
            let all: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
            eprintln!("there is no scenario {name:?} but {}", all.join(", "));
            return None;
        };
        chosen.push(scenario);
    }
    if chosen.is_empty() {
        chosen.extend(ALL);
    }
    Some(chosen)
}
