#!/usr/bin/env python3
"""Copies an SDK crate with only those operations whose names occur in some sources, so that it compiles in a fraction of the time.

    trim.py CRATE_DIR OUT_DIR SOURCE_DIR…

`oracle.py build` then takes the copy: `MIR_CARGO='cargo +nightly check … --config trim.toml'`, where `trim.toml` has
`[patch.crates-io.aws-sdk-ec2]` with its `path`. What is left is the crate's own code, so that calls of the sources mean the
same; a source that uses what is gone does not compile. Not for `aws-sdk-s3`, whose operations use one another.
"""

import pathlib
import re
import shutil
import sys

MODULE = re.compile(r"^\s*(?:pub(?:\(crate\))? )?mod (?:r#)?(\w+);", re.M)
OPERATION = re.compile(r"crate::operation::(?:r#)?(\w+)::")


def items(text):
    """The items of a file as rustfmt lays them out, each with the comments and attributes before it."""
    buffer, inside = [], False
    for line in text.splitlines(keepends=True):
        buffer.append(line)
        bare = line.rstrip("\n")
        if inside:
            ends = bare.startswith(("}", ")", "]")) and bare.endswith(("}", ";"))
        elif bare.startswith(("//", "#")) or not bare.strip() or bare[0].isspace():
            continue
        else:
            ends = bare.endswith((";", "}"))
        inside = not ends
        if ends:
            yield "".join(buffer)
            buffer = []
    yield "".join(buffer)


def belongs_to(item, gone):
    """Whether an item is part of an operation that is left out."""
    module = MODULE.search(item)
    if module:
        name = module.group(1)
        of = re.sub(r"^shape_|(_input|_output)*$", "", name)
        return name in gone or (name.startswith("shape_") and of in gone)
    return any(operation in gone for operation in OPERATION.findall(item))


def main(crate, out, sources):
    words = set()
    for source in sources:
        for file in pathlib.Path(source).rglob("*.rs"):
            words |= set(re.findall(r"\w+", file.read_text(errors="replace")))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(crate, out)
    code = pathlib.Path(out) / "src"
    every = set(re.findall(r"^pub mod (?:r#)?(\w+);", (code / "operation.rs").read_text(), re.M))
    keep = every & words
    for file in (code / "waiters").rglob("*.rs"):
        keep |= every & set(re.findall(r"operation::(\w+)", file.read_text()))
    gone = every - keep
    for file in [*code.glob("*.rs"), *(code / "protocol_serde").glob("*.rs")]:
        text = file.read_text()
        whole = file.name in ("config.rs", "lib.rs")
        if whole or (file.parent != code and not belongs_to(text, gone)):
            continue
        file.write_text("".join(item for item in items(text) if not belongs_to(item, gone)))
    for operation in gone:
        shutil.rmtree(code / "operation" / operation, ignore_errors=True)
        for folder in ("operation", "client"):
            (code / folder / f"{operation}.rs").unlink(missing_ok=True)
    print(f"{pathlib.Path(crate).name}: {len(keep)} of {len(every)} operations kept")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
