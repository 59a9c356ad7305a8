#!/usr/bin/env python3
"""Compares scans with what a person read in the code of the drawn binaries (`read.json`): precision and recall.

    judge.py NAME=SCAN.json …

`read.json`: repository → entry file → operation → member that names a resource → values, written as `env:NAME`,
`lit:text`, `pat:text*` and `?` for what only exists at run time. Members the reader did not write down do not count.
"""

import json
import pathlib
import sys

WORDS = {"env": "env", "literal": "lit", "pattern": "pat", "event": "ev"}


def shown(resource):
    word = WORDS.get(resource["kind"])
    return f"{word}:{resource['value']}" if word else "?"


def found_in(function):
    found = {}
    for call in function["operations"]:
        members = found.setdefault(call["operation"], {})
        if call["resource"]:
            members.setdefault(call["resource"]["member"], set()).add(shown(call["resource"]))
    return found


def judged(got, values):
    """Too wide: more than what was read. Too vague: `?` stands for some of what was read, and nothing else is added."""
    if got == values:
        return "exact"
    if got > values:
        return "wide"
    return "vague" if "?" in got and got - {"?"} < values else "wrong"


def main(arguments):
    read = json.loads((pathlib.Path(__file__).parent / "read.json").read_text(encoding="utf-8"))
    total = dict.fromkeys(("binaries", "read", "found", "both", "values", "exact", "wide", "vague", "wrong"), 0)
    print("| repository | binaries | operations read | found | of them right | missed | values read | exact | too wide | too vague | wrong |")
    print("|" + " --- |" * 11)
    remarks = []
    for argument in arguments:
        name, path = argument.split("=", 1)
        scan = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        by_entry = {f["entry"]: found_in(f) for f in scan["functions"] if f["entry"]}
        row = dict.fromkeys(total, 0)
        for entry, expected in read[name].items():
            found = by_entry.get(entry, {})
            row["binaries"] += 1
            row["read"] += len(expected)
            row["found"] += len(found)
            row["both"] += len(expected.keys() & found.keys())
            remarks += [f"{name} {entry}: {op} missed" for op in sorted(expected.keys() - found.keys())]
            remarks += [f"{name} {entry}: {op} is not there" for op in sorted(found.keys() - expected.keys())]
            for operation, members in expected.items():
                for member, values in members.items():
                    got = found.get(operation, {}).get(member, set())
                    row["values"] += 1
                    kind = judged(got, set(values))
                    row[kind] += 1
                    if kind != "exact":
                        remarks.append(f"{name} {entry}: {operation} {member} is {sorted(got)}, read {values}")
        total = {key: total[key] + row[key] for key in total}
        print_row(name, row)
    print_row("**all**", total)
    print("\n" + "\n".join(remarks), file=sys.stderr)


def print_row(name, row):
    cells = [name, row["binaries"], row["read"], row["found"], row["both"], row["read"] - row["both"]]
    cells += [row["values"], row["exact"], row["wide"], row["vague"], row["wrong"]]
    print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
