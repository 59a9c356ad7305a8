#!/usr/bin/env python3
"""Reads the same trail with rolefit, trailscraper and jq, and prints how much CPU time each takes.

    cargo run --release --no-default-features --example make_trail -- target/bench-trail 100
    cargo build --release --no-default-features
    benches/trail_peers.py target/bench-trail target/release/rolefit arn:aws:iam::111122223333:role/orders-api-role-0000

Every program reads all objects of the folder and tells who called what: rolefit into a store, trailscraper and jq as
lines of JSON that nobody reads. With the ARN of a role behind it, also once more with that role's calls selected by all
three: `--role`, `--filter-assumed-role-arn` and `select(…)`. trailscraper comes from PyPI, pinned, into a folder of its own below target/; jq must
be installed. CPU seconds are those of the child processes, user and system, the least of three runs of each in turns, and of
six of rolefit, which runs before each of the others: the machine's speed changes from minute to minute.
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
    """CPU seconds of the child processes of `run`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    trail, rolefit, *roles = sys.argv[1:]
    objects = sorted(str(path) for path in pathlib.Path(trail).rglob("*.json.gz"))
    records = [path for path in objects if "/CloudTrail/" in path]

    def with_rolefit(*selection):
        with tempfile.TemporaryDirectory() as folder:
            quiet([rolefit, "observe", "--from", trail, "--store", f"{folder}/store", "--threads", "1", *selection])

    def with_trailscraper(*selection):
        quiet([trailscraper(), "select", "--log-dir", trail, "--from", "2026-10-01", "--to", "2026-12-31", *selection])

    def with_jq(query):
        for path in records:
            with subprocess.Popen(["gunzip", "-c", path], stdout=subprocess.PIPE) as packed:
                quiet(["jq", "-c", query], stdin=packed.stdout)

    def compare(what, ours, theirs, query):
        others = {"trailscraper": theirs}
        if shutil.which("jq"):
            others["jq"] = lambda: with_jq(query)
        runs = {}
        for _ in range(3):
            for name, other in others.items():
                runs.setdefault("rolefit", []).append(cpu_of(ours))
                runs.setdefault(name, []).append(cpu_of(other))
        times = {name: min(seconds) for name, seconds in runs.items()}
        print(what)
        for name, seconds in times.items():
            print(f"{name:14} {seconds:8.2f} CPU s   {seconds / times['rolefit']:6.1f} times rolefit's")

    trailscraper()
    compare("all roles", with_rolefit, with_trailscraper, JQ)
    for role in roles:
        compare(
            role,
            lambda role=role: with_rolefit("--role", role),
            lambda role=role: with_trailscraper("--filter-assumed-role-arn", role),
            JQ.replace("==", f'== "{role}" and .userIdentity.type ==').replace(
                ".userIdentity.type", ".userIdentity.sessionContext.sessionIssuer.arn", 1
            ),
        )


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
