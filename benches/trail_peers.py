#!/usr/bin/env python3
"""Reads the same trail with rolefit, trailscraper and jq, and prints how much CPU time each takes.

    cargo run --release --no-default-features --example make_trail -- target/bench-trail 100
    cargo build --release --no-default-features
    benches/trail_peers.py target/bench-trail target/release/rolefit

Every program reads all objects of the folder and tells who called what: rolefit into a store, trailscraper and jq as
lines of JSON that nobody reads. trailscraper comes from PyPI, pinned, into a folder of its own below target/; jq must
be installed. CPU seconds are those of the child processes, user and system, the least of three runs.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

PIN = "trailscraper==0.10.0"
JQ = '.Records[] | select(.userIdentity.type == "AssumedRole") | [.userIdentity.arn, .eventSource, .eventName, .errorCode, .eventTime, (.resources // [] | map(.ARN))]'


def cpu_of(run):
    """CPU seconds of the child processes of `run`, the least of three."""
    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return min(once() for _ in range(3))


def trailscraper():
    """The path of the program, installed when it is not there."""
    folder = pathlib.Path("target/trail-peers")
    program = folder / "bin/trailscraper"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", PIN], check=True)
    return program


def quiet(command, **more):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def main():
    trail, rolefit = sys.argv[1:3]
    objects = sorted(str(path) for path in pathlib.Path(trail).rglob("*.json.gz"))
    records = [path for path in objects if "/CloudTrail/" in path]

    def with_rolefit():
        with tempfile.TemporaryDirectory() as folder:
            quiet([rolefit, "observe", "--from", trail, "--store", f"{folder}/store", "--threads", "1"])

    def with_trailscraper():
        quiet([trailscraper(), "select", "--log-dir", trail, "--from", "2026-10-01", "--to", "2026-12-31"])

    def with_jq():
        for path in records:
            with subprocess.Popen(["gunzip", "-c", path], stdout=subprocess.PIPE) as packed:
                quiet(["jq", "-c", JQ], stdin=packed.stdout)

    trailscraper()
    times = {"rolefit": cpu_of(with_rolefit)}
    if shutil.which("jq"):
        times["jq"] = cpu_of(with_jq)
    times["trailscraper"] = cpu_of(with_trailscraper)
    for name, seconds in times.items():
        print(f"{name:14} {seconds:8.2f} CPU s   {seconds / times['rolefit']:6.1f} times rolefit's")


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
