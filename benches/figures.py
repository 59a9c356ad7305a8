#!/usr/bin/env python3
"""Measures the figures of docs/performance.md and docs/scale.md in one run.

    benches/figures.py FOLDER [CHECKOUT...]

Builds the program and the benchmarks without the feature `live`, makes what they read in FOLDER (some 2 GB), and prints
what each takes, in some fifteen minutes. Each CHECKOUT, a folder with Rust code, is scanned whole and compared with bare
parsing. CPU seconds are user and system, the least of three runs; of readers of the trail, which run in turns, the least of eight
with the median behind it. Memory is the most that was resident. Run it while nothing else runs.
"""

import os
import pathlib
import platform
import statistics
import subprocess
import sys

from scale import cost, measure, once

CARGO = ["cargo", "--quiet"]
OFFLINE = ["--release", "--no-default-features"]
ROLEFIT = "target/release/rolefit"
ROLE = "arn:aws:iam::111122223333:role/orders-api-role-0000"


def part(title):
    print(f"\n## {title}\n", flush=True)


def row(name, command):
    cpu, wall, memory = cost(command)
    print(f"| `{name}` | {wall:.3f} s | {cpu:.3f} s | {memory:.0f} MB |", flush=True)


def in_turns(commands):
    """Rows of commands that run one after the other, eight times: the machine's speed changes from minute to minute."""
    runs = {name: [] for name in commands}
    for _ in range(8):
        for name, command in commands.items():
            runs[name].append(once(command))
    for name, of in runs.items():
        cpu, wall, memory = zip(*of)
        least = [f"{min(seconds):.2f} s ({statistics.median(seconds):.2f})" for seconds in (wall, cpu)]
        print(f"| `{name}` | {' | '.join(least)} | {max(memory):.0f} MB |", flush=True)


def table():
    print("| command | wall | CPU | memory |\n| --- | --- | --- | --- |")


def bench(*what):
    subprocess.run([*CARGO, *what], check=True)
    sys.stdout.flush()


def main():
    folder, checkouts = pathlib.Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    bench("build", *OFFLINE, "--bins", "--examples")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{os.cpu_count()} cores, {platform.machine()}, {rustc}; load before: {load}")

    part("Commands")
    table()
    row("rolefit --version", [ROLEFIT, "--version"])
    row("rolefit docs/demo/orders", [ROLEFIT, "docs/demo/orders"])
    row("rolefit check docs/demo/orders", [ROLEFIT, "check", "docs/demo/orders"])
    row("rolefit catalog operation dynamodb.PutItem", [ROLEFIT, "catalog", "operation", "dynamodb.PutItem"])
    row("rolefit catalog policy ReadOnlyAccess", [ROLEFIT, "catalog", "policy", "ReadOnlyAccess"])
    row("rolefit catalog action dynamodb:PutItem", [ROLEFIT, "catalog", "action", "dynamodb:PutItem"])
    for checkout in checkouts:
        row(f"rolefit scan {pathlib.Path(checkout).name}", [ROLEFIT, "scan", checkout])

    if checkouts:
        part("The scanner against bare parsing")
        for checkout in checkouts:
            bench("bench", "--no-default-features", "--bench", "scan_ratio", "--", checkout)

    part("The trail reader")
    trail = folder / "trail"
    if not trail.exists():
        subprocess.run(["target/release/examples/make_trail", trail], check=True, stdout=subprocess.DEVNULL)
    table()
    store = folder / "store"

    def observe(*more):
        read = [ROLEFIT, "observe", "--from", trail, "--store", store, *more]
        return ["sh", "-c", 'rm -f "$0"*; exec "$@"', store, *read]

    in_turns({
        "rolefit observe --threads 1": observe("--threads", "1"),
        "rolefit observe --threads 2": observe("--threads", "2"),
        "rolefit observe --threads 1 --role ARN": observe("--threads", "1", "--role", ROLE),
        "trail_probe": ["target/release/examples/trail_probe", trail],
    })
    print(flush=True)
    subprocess.run([sys.executable, "benches/trail_peers.py", trail, ROLEFIT, ROLE], check=True)

    part("Containment")
    bench("test", *OFFLINE, "--test", "it", "contain_managed::speed", "--", "--ignored", "--nocapture")

    part("Scale")
    measure(ROLEFIT, folder / "scale")


if __name__ == "__main__":
    main()
