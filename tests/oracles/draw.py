#!/usr/bin/env python3
"""Draws the functions whose code is read by a person, with a fixed seed: what is drawn cannot follow what is found.

    draw.py NAME=FOLDER=SCAN.json …

FOLDER is a checkout, SCAN.json what `rolefit scan --all --format json FOLDER` printed; only its list of binaries counts.
A binary can be drawn if its package, or a package of the same checkout that it depends on, names a crate `aws-*` or
`aws_*` or `lambda_*` in its manifest, whether or not the scan found a call. QUOTAS says how many each repository gives
(the larger the repository, the less of it is read; small ones are read whole).
"""

import json
import pathlib
import random
import sys
import tomllib

SEED = 20261121
QUOTAS = {
    "serverless-rust-demo": 5,
    "rustv1": 15,
    "code-samples": 8,
    "twoliter": 2,
    "s3tm": 1,
    "neon": 5,
    "quickwit": 2,
    "vector": 2,
}


def manifests(folder):
    """Path of each package's manifest → its text as data."""
    found = {}
    for path in sorted(folder.rglob("Cargo.toml")):
        try:
            found[path.parent] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
    return found


def dependencies(manifest, inherited, directory):
    """Names of the crates, and folders of path dependencies."""
    tables = [manifest] + list(manifest.get("target", {}).values())
    for table in tables:
        for kind in ("dependencies", "dev-dependencies"):
            for name, value in table.get(kind, {}).items():
                value = {"version": value} if isinstance(value, str) else value
                base = directory
                if value.get("workspace"):
                    base, value = inherited.get(name, (directory, {}))
                yield value.get("package", name), (base / value["path"]).resolve() if "path" in value else None


def inherited(directory, found):
    """`[workspace.dependencies]` of the nearest workspace above."""
    for folder in [directory, *directory.parents]:
        table = found.get(folder, {}).get("workspace", {}).get("dependencies")
        if table is not None:
            values = {k: {"version": v} if isinstance(v, str) else v for k, v in table.items()}
            return {k: (folder, v) for k, v in values.items()}
    return {}


def concerns_aws(directory, found, seen=None):
    seen = set() if seen is None else seen
    if directory in seen or directory not in found:
        return False
    seen.add(directory)
    for name, path in dependencies(found[directory], inherited(directory, found), directory):
        if name.startswith(("aws-", "aws_", "lambda_")) or (path and concerns_aws(path, found, seen)):
            return True
    return False


def package_of(entry, folder, found):
    directory = (folder / entry).parent
    while directory not in found and directory != folder:
        directory = directory.parent
    return directory


def main(arguments):
    for argument in arguments:
        name, folder, scan = argument.split("=", 2)
        folder = pathlib.Path(folder).resolve()
        found = manifests(folder)
        functions = json.loads(pathlib.Path(scan).read_text(encoding="utf-8"))["functions"]
        binaries = sorted({(f["entry"], f["package"] or "", f["bin"] or "") for f in functions if f["entry"]})
        eligible = [b for b in binaries if concerns_aws(package_of(b[0], folder, found), found)]
        drawn = random.Random(f"{SEED} {name}").sample(eligible, min(QUOTAS[name], len(eligible)))
        print(f"{name}: {len(drawn)} of {len(eligible)} ({len(binaries)} binaries)")
        for entry, package, binary in sorted(drawn):
            print(f"  {entry}  {package} {binary}")


if __name__ == "__main__":
    main(sys.argv[1:])
