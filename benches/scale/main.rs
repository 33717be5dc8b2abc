//! How much one worker process holds, and how a thousand workers treat one
//! orchestrator. Real workers on a paused clock, and orchestrators in memory: hours pass
//! in seconds. Prints; the tests in `tests/scale.rs` assert. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench scale              # seed 1
//! cargo bench --bench scale -- 7         # another seed
//! ```
//!
//! Without `--bench`, as under `cargo test`, it only shows that it works.

#![allow(unreachable_pub, reason = "one program in several files")]

#[path = "../scale/herd.rs"]
mod herd;

use std::time::{Duration, Instant};

use axon_worker::transport::memory::Call;
use herd::{Herd, Seen};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let seed = std::env::args().find_map(|argument| argument.parse().ok());
    let mut herd = Herd::of(if is_bench { 1_000 } else { 10 });
    herd.seed = seed.unwrap_or(1);
    for calm in [herd.calm, Duration::ZERO] {
        let began = Instant::now();
        let herd = Herd { calm, ..herd };
        let seen = actix_rt::System::new().block_on(herd.run());
        show(&seen);
        println!("took {:.1?}\n", began.elapsed());
    }
    Ok(())
}

fn show(seen: &Seen) {
    let herd = seen.herd;
    let interval = Duration::from_secs(10);
    println!(
        "{} workers, away from {:?} for {:?}, known at the end: {}",
        herd.workers, herd.calm, herd.outage, seen.known
    );
    let all = [
        Call::Register,
        Call::Heartbeat,
        Call::Probe,
        Call::Poll,
        Call::OpenCommands,
    ];
    let calm = herd.calm.saturating_sub(Duration::from_mins(1));
    for (what, calls, from, length) in [
        ("start: registrations", &all[..1], Duration::ZERO, interval),
        ("calm: heartbeats", &all[1..2], calm, 3 * interval),
        ("calm: polls", &all[3..4], calm, 3 * interval),
        ("away: all requests", &all, herd.calm, herd.outage),
        ("back: registrations", &all[..1], seen.back(), herd.after),
        ("away: the first second", &all, herd.calm, Duration::from_secs(1)),
        ("away: after that", &all, herd.calm + Duration::from_secs(1), herd.outage - Duration::from_secs(1)),
        ("back: all, 30 s", &all, seen.back(), 3 * interval),
        ("later: heartbeats", &all[1..2], seen.back() + herd.after - 3 * interval, 3 * interval),
        ("later: polls", &all[3..4], seen.back() + herd.after - 3 * interval, 3 * interval),
    ] {
        let spread = seen.spread(calls, from, length);
        println!(
            "{what:24} total {:6}  mean {:6.1}  peak {:5} per 100 ms  until {:?}",
            spread.total(),
            spread.mean(),
            spread.peak(),
            spread.until()
        );
    }
    println!("longest silence in calm: {:?}", seen.longest_silence());
    let back = seen.spread(&all[..1], seen.back(), Duration::from_secs(20));
    println!("registrations per 100 ms after the return: {:?}", back.counts);
}
