#!/usr/bin/env python3
"""Asks the compiler which AWS operation is called on which line, and compares with `rolefit scan`.

Needed: a nightly toolchain, the network (or a filled registry), time. Never part of a build or of CI: the answers are kept
beside this file, `<name>.json` the compiler's, `table.md` the comparison.

    oracle.py build DIR PACKAGE_DIR…    dump the MIR of Cargo packages under DIR into $MIR_OUT (default: DIR/../mir/<name of DIR>)
    oracle.py sites DIR NAME            read the dumps → NAME.json
    oracle.py compare DIR NAME [BIN]    run `BIN scan --all --format json DIR`, compare → NAME.compare.json
    oracle.py table                     all NAME.compare.json → table.md

How: this file is also RUSTC_WRAPPER. After the ordinary compilation it calls rustc a second time with
`-Zunpretty=mir -Zmir-include-spans=on`. A call of `Client::op` shows there with the full path of the callee and a span;
the *end* of the span of a method call is the end of `op()`. Only files in which the compiler shows a span count: dead
files and those that `cfg` leaves out prove nothing. Generated with nightly 1.97.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Inherent methods of `Client` that call nothing; everything else that `impl Client` offers is an operation.
NO_OPERATION = {"new", "from_conf", "conf", "config", "with_config", "handle", "clone", "fmt", "default", "builder", "from"}
# Crates of this name that are no SDK crates: their own methods are no operations.
NO_SDK = {"s3_transfer_manager"}
# `wait_until_*`: the operation that is polled (botocore, waiters-2.json; the crates' src/waiters).
POLLED = {
    ("s3", "bucket_exists"): "head_bucket",
    ("s3", "bucket_not_exists"): "head_bucket",
    ("s3", "object_exists"): "head_object",
    ("s3", "object_not_exists"): "head_object",
    ("dynamodb", "table_exists"): "describe_table",
    ("dynamodb", "table_not_exists"): "describe_table",
    ("cloudformation", "stack_create_complete"): "describe_stacks",
    ("cloudformation", "stack_delete_complete"): "describe_stacks",
    ("ec2", "instance_exists"): "describe_instances",
    ("ec2", "instance_running"): "describe_instances",
    ("ec2", "instance_stopped"): "describe_instances",
    ("ec2", "instance_terminated"): "describe_instances",
    ("ec2", "instance_status_ok"): "describe_instance_status",
    ("rds", "db_instance_available"): "describe_db_instances",
    ("rds", "db_instance_deleted"): "describe_db_instances",
    ("lambda", "function_active_v2"): "get_function",
    ("lambda", "function_updated_v2"): "get_function",
    ("autoscaling", "group_in_service"): "describe_auto_scaling_groups",
    ("autoscaling", "group_exists"): "describe_auto_scaling_groups",
    ("autoscaling", "group_not_exists"): "describe_auto_scaling_groups",
}

# 1.x: one module of `client` per operation; 0.x: all in `impl Client`.
CALL = re.compile(r"\baws_sdk_(\w+?)::client::(?:r#)?(\w+)::<impl aws_sdk_\w+::(?:client::)?Client>::(?:r#)?\2\b")
OLD_CALL = re.compile(r"(?<![<\w:])aws_sdk_(\w+?)::(?:client::)?Client::(?:r#)?([a-z]\w*)\b")
WAITER = re.compile(r"aws_sdk_(\w+?)::(?:client::)?Client as aws_sdk_\w+::client::Waiters>::wait_until_(\w+)")
SEND_WITH = re.compile(r"aws_sdk_(\w+?)::operation::(\w+)::builders::(?:<impl [^>]*)?\w+InputBuilder>?::send_with(?=\((?!\)))")
# A provider that assumes a role calls STS by itself; its constructor is the site.
PROVIDER = re.compile(r"\baws_config::sts::(?:\w+::)?AssumeRoleProvider(?:::builder|Builder::new)\b(?:::<[^()]*>)?\(")
SPAN = re.compile(r"// scope \d+ at (.+?):(\d+):(\d+): (\d+):(\d+)\s*$")
FILE_IN_SPAN = re.compile(r" at (\S+?\.rs):\d+:\d+: \d+:\d+")


def wrap(rustc, arguments):
    """RUSTC_WRAPPER: compile, then dump the MIR of what lies under $MIR_ROOT."""
    status = subprocess.call([rustc, *arguments])
    if status:
        return status
    name = value_of(arguments, "--crate-name")
    source = next((a for a in arguments if a.endswith(".rs")), None)
    if not source or name in (None, "___", "build_script_build"):
        return 0
    root = os.path.realpath(os.environ["MIR_ROOT"])
    if not os.path.realpath(source).startswith(root + os.sep):
        return 0
    again, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--emit", "--error-format", "--json", "--diagnostic-width"):
            skip = True
        elif not argument.startswith(("--emit=", "--error-format=", "--json=", "--diagnostic-width=")):
            again.append(argument)
    key = hashlib.sha256(repr((os.getcwd(), arguments)).encode()).hexdigest()[:16]
    out = pathlib.Path(os.environ["MIR_OUT"]) / f"{name}-{key}.mir"
    flags = ["-Zunpretty=mir", "-Zmir-include-spans=on", "-Zmir-opt-level=0", "-Ztrim-diagnostic-paths=no", "--cap-lints", "allow"]
    with open(out, "wb") as file:
        file.write(f"// PWD {os.getcwd()}\n// CRATE {name}\n".encode())
        file.flush()
        if subprocess.call([rustc, *again, *flags], stdout=file):
            os.unlink(out)
    return 0


def value_of(arguments, option):
    for index, argument in enumerate(arguments):
        if argument == option:
            return arguments[index + 1]
        if argument.startswith(option + "="):
            return argument.split("=", 1)[1]
    return None


def out_dir(root):
    out = pathlib.Path(os.environ.get("MIR_OUT") or root.parent.parent / "mir" / root.name)
    out.mkdir(parents=True, exist_ok=True)
    return out


def build(root, packages):
    """`cargo check` each package; a line per package in `build.log` of the dump folder."""
    out = out_dir(root)
    environment = dict(
        os.environ,
        RUSTC_WRAPPER=str(pathlib.Path(__file__).resolve()),
        MIR_ROOT=str(root),
        MIR_OUT=str(out),
        CARGO_INCREMENTAL="0",
        CARGO_PROFILE_DEV_DEBUG="0",
    )
    failed = 0
    for package in packages:
        command = shlex.split(os.environ.get("MIR_CARGO", "nice -n 15 cargo +nightly check -j1 --keep-going --lib --bins --examples"))
        done = subprocess.run(command, cwd=root / package, env=environment, capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        with open(out / "build.log", "a", encoding="utf-8") as log:
            log.write(f"{package}\t{'built' if done.returncode == 0 else 'failed'}\t{'; '.join(errors[:3])}\n")
        failed += done.returncode != 0
        print(package, "built" if done.returncode == 0 else f"failed: {errors[:3]}", flush=True)
    return failed


def sites(root, name):
    """The compiler's call sites: sorted rows of file, line, crate, method, how; and the files it compiled."""
    rows, files = set(), set()
    for dump in sorted(out_dir(root).glob("*.mir")):
        with open(dump, encoding="utf-8", errors="replace") as lines:
            directory = None
            for line in lines:
                if directory is None and line.startswith("// PWD "):
                    directory = line[7:].strip()
                    continue
                for file in FILE_IN_SPAN.findall(line):
                    path = inside(root, directory, file)
                    if path:
                        files.add(path)
                if ("aws_sdk_" not in line and "aws_config" not in line) or line.lstrip().startswith(("let ", "debug ", "fn ", "// ")):
                    continue
                span = SPAN.search(line)
                path = span and inside(root, directory, span.group(1))
                if not path:
                    continue
                code = line[: span.start()]
                for crate, method, how in found(code):
                    rows.add((path, int(span.group(4)), crate, method, how))
    result = {
        "name": name,
        "files": len(files),
        "compiled": sorted(files),
        "sites": [dict(zip(("file", "line", "crate", "method", "how"), row)) for row in sorted(rows)],
    }
    (HERE / f"{name}.json").write_text(compact(result), encoding="utf-8")
    print(f"{name}: {len(files)} files, {len(rows)} sites")


def found(code):
    """Operations that a statement of MIR calls or mentions. The destination's type and the debug names are left out."""
    for match in WAITER.finditer(code):
        yield "aws-sdk-" + match.group(1), POLLED.get(match.groups(), "wait_until_" + match.group(2)), "waiter"
    for match in SEND_WITH.finditer(code):
        yield "aws-sdk-" + match.group(1), match.group(2), "send_with"
    for match in PROVIDER.finditer(code):
        yield "aws-config", "assume_role", "provider"
    for match in [*CALL.finditer(code), *OLD_CALL.finditer(code)]:
        crate, method = match.groups()
        if method not in NO_OPERATION and crate not in NO_SDK:
            after = code[match.end() :]
            yield "aws-sdk-" + crate, method, "call" if re.match(r"(::<[^()]*>)?\(", after) else "mention"


def inside(root, directory, file):
    """The path relative to the root, or None for what lies elsewhere."""
    path = os.path.realpath(os.path.join(directory or "", file))
    return os.path.relpath(path, root) if path.startswith(str(root) + os.sep) else None


def compact(value):
    """JSON with one row a line."""
    text = json.dumps(value, indent=1, sort_keys=True)
    return re.sub(r"\{\s+([^{}\[\]]*?)\s+\}", lambda m: "{" + re.sub(r"\s*\n\s*", " ", m.group(1)) + "}", text) + "\n"


def compare(root, name, binary):
    """Call sites of the scan against the compiler's, in files that the compiler compiled."""
    oracle = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    compiled = set(oracle["compiled"])
    done = subprocess.run([binary, "scan", "--all", "--format", "json", str(root)], capture_output=True, text=True)
    scan = json.loads(done.stdout)
    theirs = {(s["file"], s["line"], s["crate"], s["method"]) for s in oracle["sites"]}
    calls = [call for function in scan["functions"] for call in function["operations"]] + scan["unreached"]
    ours = set()
    for call in calls:
        method = call["method"]
        if method.startswith("wait_until_"):
            method = snake(call["operation"].split(".")[1])
        ours.add((call["file"], call["line"], call["crate"], method))
    # What an assumed role needs is no need of the function: the call is found, and told in a gap.
    for gap in scan["gaps"] + [gap for function in scan["functions"] for gap in function["gaps"]]:
        if gap["code"] == "assumed-role":
            for service, operation, file, line in re.findall(r"(\w+)\.(\w+) \(([^()]+):(\d+)\)", gap["message"]):
                ours.add((file, int(line), "aws-sdk-" + service, snake(operation)))
    # Requests over plain HTTP and other crates' own calls are nothing that MIR shows as a call of a client.
    seen_by_both = {row for row in ours if row[2].startswith("aws-sdk-") or row[2] == "aws-config"}
    scored = {row for row in seen_by_both if row[0] in compiled}
    row = lambda r: dict(zip(("file", "line", "crate", "method"), r))
    result = {
        "name": name,
        "files": len(compiled),
        "oracle": len(theirs),
        "rolefit": len(scored),
        "agree": len(theirs & scored),
        "missed": [row(r) for r in sorted(theirs - scored)],
        "false": [row(r) for r in sorted(scored - theirs)],
        "not_compiled": len(seen_by_both) - len(scored),
    }
    (HERE / f"{name}.compare.json").write_text(compact(result), encoding="utf-8")
    print({k: v if isinstance(v, (int, str)) else len(v) for k, v in result.items()})
    for kind in ("missed", "false"):
        for r in result[kind]:
            print(f"  {kind}: {r['file']}:{r['line']} {r['crate']} {r['method']}")


def snake(name):
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", name).lower()


def table():
    lines = ["| repository | files compiled | sites, compiler | sites, rolefit | agree | missed | false |", "| --- | --- | --- | --- | --- | --- | --- |"]
    total = [0] * 6
    for path in sorted(HERE.glob("*.compare.json")):
        c = json.loads(path.read_text(encoding="utf-8"))
        cells = [c["files"], c["oracle"], c["rolefit"], c["agree"], len(c["missed"]), len(c["false"])]
        total = [a + b for a, b in zip(total, cells)]
        lines.append(f"| {c['name']} | " + " | ".join(map(str, cells)) + " |")
    lines.append("| **all** | " + " | ".join(map(str, total)) + " |")
    (HERE / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main(arguments):
    command, rest = (arguments or [""])[0], arguments[1:]
    if command == "build":
        root = pathlib.Path(rest[0]).resolve()
        return 1 if build(root, rest[1:] or ["."]) else 0
    if command == "sites":
        return sites(pathlib.Path(rest[0]).resolve(), rest[1])
    if command == "compare":
        return compare(pathlib.Path(rest[0]).resolve(), rest[1], rest[2] if len(rest) > 2 else "rolefit")
    if command == "table":
        return table()
    if "MIR_ROOT" in os.environ:
        return wrap(command, rest)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
