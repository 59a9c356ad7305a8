#!/usr/bin/env python3
"""Makes the table of line coverage per module from what `cargo llvm-cov --json` wrote; tests count on neither side.

    cargo llvm-cov --no-default-features --json --output-path target/coverage.json
    python3 benches/coverage.py target/coverage.json
    python3 benches/coverage.py target/coverage.json --open src/iam   # the lines that no test reaches
"""

import argparse
import json
import pathlib
import re
from collections import defaultdict

TESTS = re.compile(r"^\s*#\[cfg\(test\)\]\s*\n(?:\s*#\[allow\((?:[^()]|\([^)]*\))*\)\]\s*\n)?\s*mod \w+( \{|;)", re.M)


def production(path, text):
    """The number of the first line of the file's tests, or one past the end; none for a file of tests."""
    if path.stem in ("tests", "golden") or "tests" in path.parent.parts:
        return 0
    found = next((m for m in TESTS.finditer(text) if m[1] == " {"), None)
    return text.count("\n", 0, found.start()) + 1 if found else text.count("\n") + 2


def lines(segments):
    """Line → how often it ran, as llvm-cov counts: the most of the regions that begin there or go on from above."""
    by_line = defaultdict(list)
    for line, _column, count, counted, entry, gap in segments:
        by_line[line].append((count, counted, entry and not gap))
    counts, above = {}, None
    for line in range(min(by_line, default=1), max(by_line, default=0) + 1):
        here = by_line.get(line, [])
        seen = [count for count, counted, begins in here if counted and begins]
        if above is not None:
            seen.append(above)
        if seen:
            counts[line] = max(seen)
        if here:
            count, counted, _begins = here[-1]
            above = count if counted else None
    return counts


def ranges(numbers):
    out = []
    for number in numbers:
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("coverage", type=pathlib.Path)
    parser.add_argument("--open", metavar="FOLDER", help="show the lines of a file or folder that no test reaches")
    asked = parser.parse_args()
    modules = defaultdict(lambda: [0, 0, []])
    for file in json.loads(asked.coverage.read_text())["data"][0]["files"]:
        path = pathlib.Path(file["filename"])
        at = max((i for i, part in enumerate(path.parts) if part == "src"), default=None)
        if at is None or not path.exists():
            continue
        own = pathlib.Path(*path.parts[at + 1 :])
        end = production(own, path.read_text())
        counts = {line: count for line, count in lines(file["segments"]).items() if line < end}
        missed = sorted(line for line, count in counts.items() if count == 0)
        row = modules[own.parts[0].removesuffix(".rs")]
        row[0] += len(counts)
        row[1] += len(missed)
        row[2].append((len(missed), len(counts), own, missed))
    if asked.open:
        folder = asked.open.removeprefix("src/").rstrip("/")
        files = sorted(file for row in modules.values() for file in row[2] if file[0])
        for missed, all_lines, own, numbers in reversed(files):
            if str(own).startswith(folder):
                print(f"src/{own}: {missed} of {all_lines}: {ranges(numbers)}")
        return
    print(f"{'module':<10} {'lines':>6} {'missed':>6} {'reached':>8}   least reached")
    for name, (all_lines, missed, files) in sorted(modules.items()):
        least = max(files, key=lambda file: file[0])
        share = 100 * (all_lines - missed) / max(all_lines, 1)
        print(f"{name:<10} {all_lines:>6} {missed:>6} {share:>7.1f} %   src/{least[2]} ({least[0]})")


main()
