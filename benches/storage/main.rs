//! Moving objects: this crate, `obstore` (Python) and `object_store` (Rust) take turns.
//!
//! `cargo bench --bench storage`. The storage is a process of its own that keeps objects
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
mod side;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use cases::{CASES, Case};
use side::Side;

const ROUNDS: usize = 5;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv-s3/bin/python");
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
    for case in CASES {
        measure(case, &mut sides);
    }
    drop(sides);
    let _ = storage.kill();
    let _ = storage.wait();
}

/// Rounds of one case, all sides in each.
fn measure(case: &Case, sides: &mut [Side]) {
    let mut times = vec![Vec::new(); sides.len()];
    let mut peaks = vec![0.0_f64; sides.len()];
    let mut idle = vec![0.0_f64; sides.len()];
    for round in 0..=ROUNDS.min(case.rounds) {
        for (i, side) in sides.iter_mut().enumerate() {
            if case.is_ours && i > 0 {
                continue;
            }
            let run = side.run(case.name);
            // The first opens connections and warms the disk.
            if round > 0 || case.rounds == 1 {
                times[i].push(run.seconds);
            }
            peaks[i] = peaks[i].max(run.peak);
            idle[i] = run.idle;
        }
    }
    println!("\n{}", case.what);
    let median = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    };
    for (i, side) in sides.iter().enumerate() {
        if times[i].is_empty() {
            continue;
        }
        let seconds = median(&times[i]);
        let ratios: Vec<f64> = times[i].iter().zip(&times[0]).map(|(t, o)| t / o).collect();
        println!(
            "  {:<13} {:>9.2} ms   {:>9.1} {}/s   ours is {:.2} x as fast   peak {:.1} MiB, idle {:.1}",
            side.name,
            seconds * 1e3,
            case.amount / seconds,
            case.unit,
            median(&ratios),
            peaks[i],
            idle[i],
        );
    }
}
