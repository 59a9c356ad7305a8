//! What a scan costs above bare parsing: the time of the whole scan of a folder against `syn::parse_file` over the very
//! files that it read, on the same threads in the same run.
//!
//! `cargo bench --no-default-features --bench scan_ratio -- FOLDER [ROUNDS]`; figures are in `docs/performance.md`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement that tells its result"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rolefit::catalog::Catalog;
use rolefit::scan::{ScanOptions, scan};
use rolefit::workspace::cargo;

/// As in the program.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of the parsing threads: as deep as the scanner's own.
const STACK: usize = 256 * 1024 * 1024;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|text| !text.starts_with("--"));
    let root = PathBuf::from(arguments.next().unwrap_or_else(|| "docs/demo/orders".to_owned()));
    let rounds: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build().unwrap();
    let tree = cargo::read(&root);
    let (mut reads, mut scans, mut parses) = (Vec::new(), Vec::new(), Vec::new());
    let (mut scan_cpu, mut parse_cpu) = (Vec::new(), Vec::new());
    let (mut files, mut calls, mut entries) = (Vec::new(), 0, 0);
    let mut peak = 0;
    for _ in 0..rounds {
        let start = Instant::now();
        let _ = cargo::read(&root);
        reads.push(start.elapsed());
        let (start, worked) = (Instant::now(), cpu());
        let found = scan(&root, &tree, Catalog::embedded(), &ScanOptions::default());
        scans.push(start.elapsed());
        settle();
        scan_cpu.push(cpu().saturating_sub(worked));
        if peak == 0 {
            // What the first scan took: later rounds find what the allocator did not give back.
            peak = high_water();
        }
        calls = found.entries.iter().map(|entry| entry.call_sites.len()).sum();
        entries = found.entries.len();
        files = found.files_read;
        let (start, worked) = (Instant::now(), cpu());
        pool.install(|| files.par_iter().for_each(|path| parse(&root.join(path))));
        parses.push(start.elapsed());
        parse_cpu.push(cpu().saturating_sub(worked));
    }
    let bytes: u64 = files
        .iter()
        .filter_map(|path| std::fs::metadata(root.join(path)).ok())
        .map(|data| data.len())
        .sum();
    let best = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let (read, scanned, parsed) = (best(&reads), best(&scans), best(&parses));
    println!(
        "{}: {} files, {:.1} MB, {entries} binaries, {calls} calls",
        root.display(),
        files.len(),
        bytes as f64 / 1e6
    );
    println!("threads {}, best of {rounds}", pool.current_num_threads());
    println!("packages   {:>8.1} ms", read.as_secs_f64() * 1e3);
    println!("scan       {:>8.1} ms", scanned.as_secs_f64() * 1e3);
    println!("bare parse {:>8.1} ms", parsed.as_secs_f64() * 1e3);
    println!(
        "ratio      {:>8.2}",
        scanned.as_secs_f64() / parsed.as_secs_f64().max(1e-9)
    );
    let (scan_cpu, parse_cpu) = (best(&scan_cpu), best(&parse_cpu));
    println!(
        "CPU        {:>8.1} ms against {:.1} ms, ratio {:.2}",
        scan_cpu.as_secs_f64() * 1e3,
        parse_cpu.as_secs_f64() * 1e3,
        scan_cpu.as_secs_f64() / parse_cpu.as_secs_f64().max(1e-9)
    );
    println!("peak       {:>8.1} MB", peak as f64 / 1e3);
}

/// Reads and parses one file, and forgets it.
fn parse(path: &Path) {
    let Ok(bytes) = std::fs::read(path) else { return };
    std::hint::black_box(syn::parse_file(&String::from_utf8_lossy(&bytes)).is_ok());
    proc_macro2::extra::invalidate_current_thread_spans();
}

/// Waits until this process does nothing more: a scan gives its memory back after it has answered, which counts as its
/// CPU time and must not disturb what is measured next.
fn settle() {
    let mut before = Duration::MAX;
    while before != cpu() {
        before = cpu();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Peak memory of this process so far in kB, where the system tells it.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// CPU time of this process so far, to the hundredth of a second, where the system tells it: on a busy machine it says
/// more than the clock.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
