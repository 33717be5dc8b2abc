//! Moving objects: this crate, `obstore` (Python) and `object_store` (Rust) take turns.
//!
//! `./bench storage`. The storage is a process of its own that keeps objects
//! in memory, each side another. What the others need is described in
//! `docs/performance.md`; a side that is not there is left out, and said so.
#![allow(missing_docs, missing_debug_implementations, reason = "a program")]

mod cases;
mod ours;
#[allow(
    dead_code,
    unreachable_pub,
    clippy::pedantic,
    reason = "shared with tests"
)]
#[path = "../../tests/storage/server/mod.rs"]
mod server;
#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;
mod side;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use cases::{CASES, Case, Goal};
use shared::process::python;
use shared::sheet::{Bound, Metric, Sheet};
use side::Side;

const TIME: Metric = Metric::new("time", "ms");
const PEAK: Metric = Metric::new("peak memory", "MiB");
const IDLE: Metric = Metric::new("idle before", "MiB");

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("serve") => serve(),
        Some("ours") => ours::run(&args.collect::<Vec<_>>()),
        _ => compare(),
    }
}

/// The storage, until its input ends.
fn serve() {
    let server = server::Server::start();
    cases::fill(&server.memory);
    println!("{}", server.url());
    std::io::stdout().flush().expect("somebody reads");
    let mut nothing = String::new();
    let _ = std::io::stdin().read_line(&mut nothing);
}

fn compare() {
    let me = std::env::current_exe().expect("a program has a path");
    let mut storage = Command::new(&me)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the storage starts");
    let mut url = String::new();
    BufReader::new(storage.stdout.take().expect("piped"))
        .read_line(&mut url)
        .expect("it tells its address");
    let url = url.trim();
    let mut sides = vec![Side::start("ours", Command::new(&me).args(["ours", url])).expect("ours")];
    let rounds = if std::env::args().any(|word| word == "quick") {
        1
    } else {
        5
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Where the package is not installed there is no such program either.
    let python = python(&[".venv-obstore", ".venv-s3"]).unwrap_or_else(|| "no-python".into());
    let script = root.join("benches/storage/obstore_side.py");
    let rival = root.join("benches/storage/rival/target/release/rival");
    for (name, command) in [
        ("obstore", Command::new(python).arg(script).arg(url)),
        ("object_store", Command::new(rival).arg(url)),
    ] {
        match Side::start(name, command) {
            Ok(side) => sides.push(side),
            Err(error) => println!("{name} is left out: {error}"),
        }
    }
    let mut sheet = Sheet::new("storage", "Objects between files and a storage");
    for case in CASES {
        println!("  {}", case.what);
        measure(&mut sheet, case, &mut sides, rounds);
    }
    drop(sides);
    let _ = storage.kill();
    let _ = storage.wait();
    sheet.print();
    sheet.print_goals();
    sheet.write().expect("room for the numbers");
}

/// Rounds of one case, all sides in each.
fn measure(sheet: &mut Sheet, case: &Case, sides: &mut [Side], rounds: usize) {
    for round in 0..=rounds.min(case.rounds) {
        for (i, side) in sides.iter_mut().enumerate() {
            if case.is_ours && i > 0 {
                continue;
            }
            let run = side.run(case.name);
            // The first opens connections and warms the disk.
            if round > 0 || case.rounds == 1 {
                sheet.add(case.what, side.name, TIME, run.seconds * 1e3);
                let rate = Metric::new("rate", case.unit);
                sheet.add(case.what, side.name, rate, case.amount / run.seconds);
                sheet.add(case.what, side.name, PEAK, run.peak);
                sheet.add(case.what, side.name, IDLE, run.idle);
            }
        }
    }
    match case.goal {
        Goal::Faster(times) => {
            let pair = ("obstore", "ours");
            sheet.goal_ratio(case.what, TIME, pair, Bound::AtLeast(times));
        }
        Goal::Within(millis) => sheet.goal(case.what, TIME, "ours", Bound::AtMost(millis)),
        Goal::None => {}
    }
}
