#!/usr/bin/env python3
"""Runs what `rolefit observe athena` prints on the demo's trail, with DuckDB in Athena's place, and compares what rolefit
makes of the answer with what it makes of the trail itself.

    athena.py ROLEFIT

The table is made as the printed statement describes it: its columns, types and partitions are read from that statement, and
sqlglot brings the query from Athena's dialect to DuckDB's.
"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import sqlglot
from sqlglot import exp

TRAIL = pathlib.Path("docs/demo/orders/trail")
SPAN = ["--location", "s3://trail/AWSLogs/", "--accounts", "111122223333", "--regions", "eu-west-1",
        "--since", "2026-11-01", "--until", "2026-11-30"]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def columns(statement):
    """Column → DuckDB type, of the table that the statement makes, and its partitions."""
    table = sqlglot.parse_one(statement, read="athena")
    own = {column.name: column.kind for column in table.this.expressions}
    partitions = [column.name for column in table.find(exp.PartitionedByProperty).this.expressions]
    return own, partitions


def fitted(value, kind):
    """A value as Hive's JSON reader brings it to a column: names in lower case, what is no column left out, and a text for
    whatever stands in a text's place."""
    if value is None:
        return None
    if kind.is_type("struct"):
        lower = {name.lower(): inner for name, inner in value.items()} if isinstance(value, dict) else {}
        return {column.name: fitted(lower.get(column.name), column.kind) for column in kind.expressions}
    if kind.is_type("array"):
        return [fitted(inner, kind.expressions[0]) for inner in value]
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def rows(own, partitions):
    """The records of all trail objects (not of digests) under the columns of the table."""
    for path in sorted(TRAIL.rglob("*.json.gz")):
        parts = path.relative_to(TRAIL).parts
        if parts[2] != "CloudTrail":
            continue
        place = dict(zip(partitions, [parts[1], parts[3], "/".join(parts[4:7])], strict=True))
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            lower = {name.lower(): value for name, value in record.items()}
            yield {name: fitted(lower.get(name), kind) for name, kind in own.items()} | place


def in_duckdb(kind):
    """A column's type in DuckDB."""
    return kind.sql(dialect="duckdb")


def answer(statements, folder, name):
    """The rows that the query gives, as the CSV that Athena writes: everything in quotes, nothing for NULL."""
    make, query = statements[1], statements[2]
    own, partitions = columns(make)
    data = folder / "trail.ndjson"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows(own, partitions)))
    types = {name: in_duckdb(kind) for name, kind in own.items()} | {name: "TEXT" for name in partitions}
    described = ", ".join(f"{name!r}: {kind!r}" for name, kind in types.items())
    database = duckdb.connect()
    database.execute("CREATE SCHEMA rolefit")
    database.execute(f"CREATE TABLE rolefit.trail AS SELECT * FROM read_json('{data}', columns={{{described}}})")
    [translated] = sqlglot.transpile(query, read="athena", write="duckdb")
    found = database.execute(translated)
    header = [column[0] for column in found.description]
    file = folder / name
    quoted = lambda value: "" if value is None else '"' + str(value).replace('"', '""') + '"'
    lines = [header, *found.fetchall()]
    file.write_text("".join(",".join(map(quoted, line)) + "\n" for line in lines))
    return file


def content(rolefit, store, source):
    """What a store holds of the calls of roles: all but what counts the events of others, and the objects."""
    run(rolefit, "observe", "--from", str(source), "--store", str(store))
    export = json.loads(run(rolefit, "observe", "export", "--store", str(store)))
    return {key: export[key] for key in ("usage", "learned")}


def main():
    rolefit = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        direct = content(rolefit, folder / "folder.db", TRAIL)
        sizes = {}
        for shape, options in {"sums": [], "events": ["--each-event"]}.items():
            printed = run(rolefit, "observe", "athena", *SPAN, *options)
            statements = [statement.strip() for statement in printed.split(";\n") if statement.strip()]
            assert len(statements) == 3, printed
            file = answer(statements, folder, f"{shape}.csv")
            count = file.read_text().count("AwsApiCall")
            assert count > 100, f"{count} rows"
            sizes[shape] = f"{count} rows, {file.stat().st_size} bytes"
            folded = content(rolefit, folder / f"{shape}.db", file)
            assert folded == direct, f"the answer with {shape} gives another store than the objects"
        diffs = [json.loads(run(rolefit, "diff", "docs/demo/orders", "--no-config", "--usage", str(usage), "--format", "json"))
                 for usage in (folder / "sums.db", TRAIL)]
        for diff in diffs:
            assert diff["summary"]["missing"] == 1, diff["summary"]
        assert diffs[0]["functions"] == diffs[1]["functions"], "the answer gives another report than the objects"
    print(f"athena: sums ({sizes['sums']}) and events ({sizes['events']}) give the store that the objects give")


main()
