//! What the status page costs a worker under full load: without a viewer, and with one.
//! Prints; asserts nothing. See `docs/performance.md`.
//!
//! ```sh
//! cargo bench --bench page
//! ```
//!
//! Two workers, one with pages and one without, in processes of their own, and the same
//! stand-in for an orchestrator as in `throughput`. In each round both are measured, the one
//! with pages before, while and after somebody looks. At the end an idle worker shows the
//! processor time of a viewer by itself. Without `--bench`, as under
//! `cargo test`, it only shows that it works.

#[allow(dead_code, unused_imports, reason = "each bench uses its part of it")]
#[path = "../shared/mod.rs"]
mod shared;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared::orchestrator::{ENDLESS, Orchestrator, Work, wait_until};
use shared::process::{Part, until_orphaned};
use shared::stats::{median, number};
use shared::worker::{Shape, builder};

const POLLS: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, address, port] = arguments.as_slice()
        && flag == "--side"
    {
        return play(address, port.parse()?);
    }
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let (rounds, window) = if is_bench {
        (9, Duration::from_secs(4))
    } else {
        (1, Duration::from_millis(1200))
    };
    run(rounds, window)?;
    Ok(())
}

/// A worker on that port, or without pages on port 0.
fn play(address: &str, port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let worker = builder(
        address,
        &Shape {
            polls: Some(POLLS),
            ..Shape::new(4 * POLLS)
        },
    )
    .configure(move |settings| settings.worker_port = port)
    .build()?;
    let _worker = if port == 0 {
        worker.spawn()?
    } else {
        worker.with_health_check().spawn()?
    };
    until_orphaned();
    Ok(())
}

/// A worker and its orchestrator.
struct Side {
    orchestrator: Orchestrator,
    part: Part,
}

/// Tasks in a second, and microseconds of processor time for each.
#[derive(Clone, Copy)]
struct Measure {
    per_second: f64,
    cpu: f64,
}

impl Side {
    fn start(port: u16, supply: u64) -> io::Result<Self> {
        let orchestrator = Orchestrator::start(Work::of("noop", supply))?;
        let part = Part::start(&[
            "--side",
            &orchestrator.address.to_string(),
            &port.to_string(),
        ])?;
        let within = Duration::from_secs(10);
        wait_until("a result", within, || Ok(orchestrator.results() > 0))?;
        thread::sleep(Duration::from_millis(500));
        Ok(Self { orchestrator, part })
    }

    fn measure(&mut self, window: Duration) -> io::Result<Measure> {
        let (began, results, cpu) = (Instant::now(), self.orchestrator.results(), self.cpu()?);
        thread::sleep(window);
        let (seconds, more) = (began.elapsed(), self.orchestrator.results() - results);
        let tasks = number(more);
        Ok(Measure {
            per_second: tasks / seconds.as_secs_f64(),
            cpu: (self.cpu()? - cpu) * 1e6 / tasks,
        })
    }

    fn cpu(&mut self) -> io::Result<f64> {
        Ok(self.part.usage()?.cpu)
    }
}

/// Somebody who looks at the page, until dropped.
struct Viewer {
    socket: TcpStream,
    received: Arc<AtomicU64>,
}

impl Viewer {
    fn open(port: u16) -> io::Result<Self> {
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.write_all(b"GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        let received = Arc::new(AtomicU64::new(0));
        let (mut source, count) = (socket.try_clone()?, Arc::clone(&received));
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = source.read(&mut buffer) {
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
        Ok(Self { socket, received })
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // The worker may have closed it.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

fn run(rounds: usize, window: Duration) -> io::Result<()> {
    println!("tasks per second and processor time per task of a worker, {POLLS} polls");
    println!("round   no pages   no viewer   one viewer   no viewer   viewer/none   none/no pages");
    let (mut with_viewer, mut cpu, mut idle, mut idle_cpu) = (vec![], vec![], vec![], vec![]);
    for round in 1..=rounds {
        let bare = Side::start(0, ENDLESS)?.measure(window)?;
        let port = free_port()?;
        let mut side = Side::start(port, ENDLESS)?;
        let before = side.measure(window)?;
        let viewer = Viewer::open(port)?;
        let looked_at = side.measure(window)?;
        let bytes = viewer.received.load(Ordering::Relaxed);
        assert!(bytes > 0, "the viewer sees something");
        drop(viewer);
        let after = side.measure(window)?;
        // Before and after cancel what changes slowly on the machine.
        let mean = |of: fn(&Measure) -> f64| f64::midpoint(of(&before), of(&after));
        let (rate, time) = (mean(|m| m.per_second), mean(|m| m.cpu));
        with_viewer.push(looked_at.per_second / rate);
        cpu.push(looked_at.cpu / time);
        idle.push(rate / bare.per_second);
        idle_cpu.push(time / bare.cpu);
        println!(
            "{round:>5} {:>10.0} {:>11.0} {:>12.0} {:>11.0} {:>13.3} {:>15.3}   ({:.1} KiB/s)",
            bare.per_second,
            before.per_second,
            looked_at.per_second,
            after.per_second,
            looked_at.per_second / rate,
            rate / bare.per_second,
            f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1024.0 / window.as_secs_f64(),
        );
    }
    println!("\nmedians of the ratios         tasks/s   µs/task");
    println!(
        "one viewer / no viewer        {:>7.3} {:>9.3}   (goal for tasks per second: at least 0.98)",
        median(with_viewer),
        median(cpu)
    );
    println!(
        "pages, no viewer / no pages   {:>7.3} {:>9.3}   (goal: 1)",
        median(idle),
        median(idle_cpu)
    );
    idle_worker(window)
}

/// The processor time of a viewer, where there is nothing else to do. It hardly depends on
/// what else the machine does.
fn idle_worker(window: Duration) -> io::Result<()> {
    let port = free_port()?;
    let mut side = Side::start(port, 1)?;
    let mut used = || {
        let before = side.cpu()?;
        thread::sleep(3 * window);
        Ok::<_, io::Error>((side.cpu()? - before) / (3 * window).as_secs_f64() * 1e3)
    };
    let alone = used()?;
    let viewer = Viewer::open(port)?;
    let looked_at = used()?;
    drop(viewer);
    println!(
        "idle worker: {alone:.2} ms of processor time a second, with one viewer {looked_at:.2} ms"
    );
    Ok(())
}

/// Free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
