#!/usr/bin/env python3
"""Asks z3 whether a policy allows more than another, and compares its answers with `rolefit compare --batch`.

An encoding of its own, from the documents of IAM: strings and regular expressions for actions, resources and text values,
reals for numbers and dates, bit vectors for addresses. Optional: needs z3-solver (see requirements-z3.txt).

    python3 -m venv /tmp/z3 && /tmp/z3/bin/pip install -r tests/oracles/requirements-z3.txt
    /tmp/z3/bin/python tests/oracles/containment_z3.py --rolefit target/release/rolefit --random 600

Cases of tests/fixtures/contain with holes (`${...}`), principals, short ARNs, several families of operators on one key or
a list of known actions are left out: they need choices that this encoding does not make.
"""

import argparse
import base64
import ipaddress
import json
import pathlib
import random
import re
import subprocess
import sys
import time
import tomllib
from datetime import datetime, timezone

import z3

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Skip(Exception):
    """The case is outside of what is encoded."""


# ---- the language of the cases --------------------------------------------------------------------------------------


def case_statement(text):
    head, _, conditions = text.partition(" if ")
    if " to " in head:
        raise Skip("principals")
    effect, _, rest = head.partition(" ")
    actions, _, resources = rest.partition(" on ")
    out = {"Effect": effect}
    for key, words in (("Action", actions), ("Resource", resources)):
        if words.startswith("not "):
            key, words = "Not" + key, words[4:]
        out[key] = words.split(",")
    if conditions:
        block = out.setdefault("Condition", {})
        for condition in conditions.split(" and "):
            operator, key, *values = condition.split(" ", 2)
            block.setdefault(operator, {})[key] = values[0].split("|") if values else [""]
    return out


def case_pairs():
    for path in sorted((ROOT / "tests/fixtures/contain").glob("*.toml")):
        data = tomllib.loads(path.read_text())
        for number, case in enumerate(data["case"]):
            name = f"{path.stem}[{number}]"
            try:
                if "kind" in data or "known" in case:
                    raise Skip("kind")
                sides = [[case_statement(text) for text in case[side]] for side in ("new", "old")]
                yield name, *[{"Version": "2012-10-17", "Statement": side} for side in sides]
            except Skip:
                continue


# ---- random pairs ---------------------------------------------------------------------------------------------------

ACTIONS = ["*", "s3:*", "s3:Get*", "s3:GetObject", "s3:*Object", "s3:?etObject", "s3:PutObject", "sts:*", "sts:TagSession", "s*:Get*"]
RESOURCES = [
    "*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/a*", "arn:aws:s3:::b/*a", "arn:aws:s3:::b/a?a",
    "arn:aws:s3:::*", "arn:aws:sqs:*:*:*", "arn:*:s3:::b/*", "arn:aws:sqs:*:111122223333:q*",
    "arn:aws:sqs:eu-west-1:*:q", "arn:aws:ecs:*:*:task/A:*", "arn:aws:ecs:*:*:task/B:*",
]
TEXTS = ["a", "b", "A", "ab"]
LIKES = ["a*", "*b", "a?", "b", "*"]


def random_condition(rng):
    kind = rng.choice("text text like fold list number date bool address arn null binary".split())
    some = lambda values: rng.sample(values, rng.randint(1, 2))
    exists = rng.choice(["", "", "IfExists"])
    no = rng.choice(["", "Not"])
    if kind == "text":
        return f"String{no}Equals{exists}", "t:text", some(TEXTS)
    if kind == "like":
        return f"String{no}Like{exists}", "t:text", some(LIKES)
    if kind == "fold":
        return f"String{no}EqualsIgnoreCase{exists}", "t:text", some(TEXTS)
    if kind == "list":
        quantifier = rng.choice(["ForAllValues:", "ForAnyValue:"])
        return f"{quantifier}String{no}Like{exists}", "t:list", some(LIKES)
    if kind == "number":
        operator = rng.choice("Equals NotEquals LessThan LessThanEquals GreaterThan GreaterThanEquals".split())
        return f"Numeric{operator}{exists}", "t:number", some(["5", "5.5", "10", "-1"])
    if kind == "date":
        operator = rng.choice("Equals NotEquals LessThan LessThanEquals GreaterThan GreaterThanEquals".split())
        return f"Date{operator}{exists}", "t:date", some(["2020-01-01T00:00:00Z", "2021-06-01T00:00:00Z", "1600000000"])
    if kind == "bool":
        return f"Bool{exists}", "t:bool", [rng.choice(["true", "false"])]
    if kind == "address":
        return f"{no}IpAddress{exists}", "t:address", some(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"])
    if kind == "arn":
        return f"Arn{no}Like{exists}", "t:arn", some(["arn:aws:s3:::a*", "arn:*:s3:::*", "arn:aws:sqs:*:*:q:x", "arn:aws:*:*:*:q:*"])
    if kind == "binary":
        return f"BinaryEquals{exists}", "t:binary", some(["QQ==", "Qg=="])
    return "Null", rng.choice(["t:text", "t:number", "t:list"]), [rng.choice(["true", "false"])]


def random_statement(rng):
    out = {"Effect": rng.choice(["Allow", "Allow", "Allow", "Deny"])}
    out[rng.choice(["Action"] * 6 + ["NotAction"])] = rng.sample(ACTIONS, rng.randint(1, 2))
    out[rng.choice(["Resource"] * 6 + ["NotResource"])] = rng.sample(RESOURCES, rng.randint(1, 2))
    block = {}
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        operator, key, values = random_condition(rng)
        block.setdefault(operator, {})[key] = values
    if block:
        out["Condition"] = block
    return out


def random_pairs(count, seed):
    rng = random.Random(seed)
    for number in range(count):
        old = [random_statement(rng) for _ in range(rng.randint(1, 3))]
        new = [random_statement(rng) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.6:
            new = [dict(statement) for statement in old]
            change = rng.randrange(len(new))
            action = rng.choice(["drop condition", "add", "narrow", "replace"])
            if action == "drop condition":
                new[change].pop("Condition", None)
            elif action == "add":
                new.append(random_statement(rng))
            elif action == "narrow":
                new[change]["Condition"] = {**new[change].get("Condition", {}), "StringEquals": {"t:text": ["a"]}}
            else:
                new[change] = random_statement(rng)
        yield f"random[{number}]", *[{"Version": "2012-10-17", "Statement": side} for side in (new, old)]


# ---- the encoding ---------------------------------------------------------------------------------------------------

STRING = z3.ReSort(z3.StringSort())
ANY = z3.Full(STRING)
ONE = z3.AllChar(STRING)
COLON = z3.Re(":")
NO_COLON_ONE = z3.Intersect(ONE, z3.Complement(COLON))
NO_COLON = z3.Star(NO_COLON_ONE)
EMPTY = z3.Re("")


def cat(parts):
    parts = list(parts) or [EMPTY]
    return parts[0] if len(parts) == 1 else z3.Concat(*parts)


def union(parts):
    parts = list(parts)
    if not parts:
        return z3.Empty(STRING)
    return parts[0] if len(parts) == 1 else z3.Union(*parts)


def glob(text, star=ANY, one=ONE, fold=False):
    def part(c):
        if c == "*":
            return star
        if c == "?":
            return one
        if fold and c.lower() != c.upper():
            return z3.Union(z3.Re(c.lower()), z3.Re(c.upper()))
        return z3.Re(c)

    return cat(part(c) for c in text)


def arn_glob(text):
    fields = text.split(":", 5)
    if len(fields) < 6:
        return None
    parts = []
    for index, field in enumerate(fields):
        if index:
            parts.append(COLON)
        parts.append(glob(field) if index == 5 else glob(field, NO_COLON, NO_COLON_ONE))
    return cat(parts)


def as_list(value):
    return value if isinstance(value, list) else [value]


class Question:
    """One pair of policies as a formula."""

    def __init__(self, new, old):
        self.action, self.resource = z3.String("action"), z3.String("resource")
        self.keys = {}
        self.facts = [
            z3.InRe(self.action, z3.Concat(z3.Plus(NO_COLON_ONE), COLON, z3.Plus(NO_COLON_ONE))),
            # Actions ignore case: texts are compared in lower case.
            z3.InRe(self.action, z3.Complement(z3.Concat(ANY, z3.Range("A", "Z"), ANY))),
            z3.Or(
                self.resource == z3.StringVal("*"),
                z3.InRe(self.resource, cat([z3.Re("arn")] + [COLON, NO_COLON] * 4 + [COLON, ANY])),
            ),
        ]
        self.families(new["Statement"] + old["Statement"])
        allowed = z3.And(self.side(new, "Allow"), z3.Not(self.side(new, "Deny")))
        refused = z3.Or(z3.Not(self.side(old, "Allow")), self.side(old, "Deny"))
        self.formula = z3.And(*self.facts, allowed, refused)

    def families(self, statements):
        """Every key has one family of values, and is single-valued or not."""
        for statement in statements:
            for operator, block in statement.get("Condition", {}).items():
                quantifier, base, _ = split_operator(operator)
                for key in block:
                    entry = self.keys.setdefault(key.lower(), {"families": set(), "quantified": set(), "clauses": 0})
                    if base != "null":
                        entry["families"].add(family(base))
                        entry["quantified"].add(bool(quantifier))
                        entry["clauses"] += 1
        for name, entry in self.keys.items():
            if entry["families"] == {"text", "bool"}:
                entry["families"] = {"text"}
            if len(entry["families"]) > 1 or len(entry["quantified"]) > 1:
                raise Skip("mixed families")
            entry["family"] = next(iter(entry["families"]), "text")
            entry["present"] = z3.Bool(f"{name} present")
            # As many values as there are clauses: more than one witness for each is never needed.
            slots = max(1, entry["clauses"]) if True in entry["quantified"] else 1
            entry["values"] = [self.value(f"{name} {slot}", entry["family"]) for slot in range(slots)]

    def value(self, name, kind):
        if kind in ("number", "date"):
            return z3.Real(name)
        if kind == "address":
            return z3.Bool(name + " v6"), z3.BitVec(name, 128)
        value = z3.String(name)
        if kind == "bool":
            self.facts.append(z3.Or(value == "true", value == "false"))
        return value

    def side(self, policy, effect):
        return z3.Or(*[self.statement(one) for one in policy["Statement"] if one["Effect"] == effect], z3.BoolVal(False))

    def statement(self, one):
        parts = []
        for key, test in (("Action", self.in_action), ("Resource", self.in_resource)):
            if key in one:
                parts.append(z3.Or(*[test(text) for text in as_list(one[key])]))
            else:
                parts.append(z3.Not(z3.Or(*[test(text) for text in as_list(one["Not" + key])])))
        for operator, block in one.get("Condition", {}).items():
            for key, values in block.items():
                parts.append(self.clause(operator, self.keys[key.lower()], [str(value) for value in as_list(values)]))
        return z3.And(*parts)

    def in_action(self, text):
        return z3.InRe(self.action, glob(text.lower()))

    def in_resource(self, text):
        if text and set(text) == {"*"}:
            return z3.BoolVal(True)
        pattern = arn_glob(text)
        if pattern is None or "${" in text:
            raise Skip("resource")
        return z3.InRe(self.resource, pattern)

    def clause(self, operator, entry, values):
        quantifier, base, if_exists = split_operator(operator)
        present = entry["present"]
        if base == "null":
            wanted = [value.lower() == "true" for value in values]
            return z3.Or(*[z3.Not(present) if absent else present for absent in wanted])
        negative = "not" in base
        each = []
        for value in entry["values"]:
            hit = z3.Or(*[self.matches(base.replace("not", ""), entry["family"], value, text) for text in values], z3.BoolVal(False))
            each.append(z3.Not(hit) if negative else hit)
        if quantifier == "all":
            return z3.Or(z3.Not(present), z3.And(*each))
        if quantifier == "any":
            return z3.Or(z3.And(z3.Not(present), z3.BoolVal(if_exists)), z3.And(present, z3.Or(*each)))
        return z3.If(present, each[0], z3.BoolVal(if_exists or negative))

    def matches(self, base, kind, value, text):
        if "${" in text:
            raise Skip("hole")
        if base == "stringequals":
            return value == z3.StringVal(text)
        if base == "stringequalsignorecase":
            return z3.InRe(value, glob(text.replace("*", "\0").replace("?", "\1"), fold=True))
        if base == "stringlike":
            return z3.InRe(value, glob(text))
        if base in ("arnlike", "arnequals"):
            pattern = arn_glob(text)
            return z3.BoolVal(False) if pattern is None else z3.InRe(value, pattern)
        if base == "bool":
            return value == text.lower() if kind == "bool" else z3.InRe(value, glob(text, fold=True))
        if base == "binaryequals":
            return value == base64.b64encode(base64.b64decode(text)).decode()
        if base == "ipaddress":
            net = ipaddress.ip_network(text, strict=False)
            v6, bits = value
            shift = (128 if net.version == 6 else 32) - net.prefixlen
            address = z3.BitVecVal(int(net.network_address), 128)
            own = [v6 == z3.BoolVal(net.version == 6), z3.LShR(bits, shift) == z3.LShR(address, shift)]
            if net.version == 4:
                own.append(z3.ULE(bits, z3.BitVecVal(2**32 - 1, 128)))
            return z3.And(*own)
        number = text if base.startswith("numeric") else seconds(text)
        number = z3.RealVal(number)
        name = base.removeprefix("numeric").removeprefix("date")
        return {
            "equals": value == number,
            "lessthan": value < number,
            "lessthanequals": value <= number,
            "greaterthan": value > number,
            "greaterthanequals": value >= number,
        }[name]


def split_operator(operator):
    lowered = operator.lower()
    quantifier = ""
    if lowered.startswith("forallvalues:"):
        quantifier, lowered = "all", lowered.removeprefix("forallvalues:")
    elif lowered.startswith("foranyvalue:"):
        quantifier, lowered = "any", lowered.removeprefix("foranyvalue:")
    if_exists = lowered.endswith("ifexists")
    return quantifier, lowered.removesuffix("ifexists"), if_exists


def family(base):
    base = base.replace("not", "")
    for prefix, name in (("string", "text"), ("arn", "text"), ("numeric", "number"), ("date", "date"), ("ip", "address")):
        if base.startswith(prefix):
            return name
    if base in ("bool", "binaryequals"):
        return "bool" if base == "bool" else "binary"
    raise Skip(base)


def seconds(text):
    if re.fullmatch(r"\d{5,}", text):
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return str(int(moment.timestamp()))


# ---- the comparison -------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rolefit", default=str(ROOT / "target/release/rolefit"))
    parser.add_argument("--random", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one question")
    parser.add_argument("--table", default=str(ROOT / "tests/oracles/containment_z3.md"))
    args = parser.parse_args()
    z3.set_param("timeout", args.timeout * 1000)
    asked, skipped = [], 0
    for source, pairs in (("hand-written", case_pairs()), ("random", random_pairs(args.random, args.seed))):
        for name, new, old in pairs:
            if not new["Statement"] or not old["Statement"]:
                skipped += 1
                continue
            try:
                asked.append((source, name, new, old, Question(new, old).formula))
            except Skip:
                skipped += 1
    lines = "".join(json.dumps({"id": name, "kind": "identity", "old": old, "new": new}) + "\n" for _, name, new, old, _ in asked)
    started = time.time()
    done = subprocess.run([args.rolefit, "compare", "--batch", "-"], input=lines, capture_output=True, text=True)
    ours_seconds = time.time() - started
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    # What IAM refuses is no question.
    refused = {answer["id"] for answer in answers if answer.get("reason", "").startswith(("new: ", "old: "))}
    ours = {answer["id"]: answer["verdict"] for answer in answers}
    skipped += len(refused)
    asked = [question for question in asked if question[1] not in refused]
    table, wrong, theirs_seconds = {}, [], 0.0
    for number, (source, name, new, old, formula) in enumerate(asked):
        if number % 50 == 0:
            print(f"{number} of {len(asked)}, {theirs_seconds:.0f} s", file=sys.stderr, flush=True)
        solver = z3.Solver()
        solver.add(formula)
        started = time.time()
        found = {"sat": "new-access", "unsat": "no-new-access"}.get(str(solver.check()), "unknown")
        theirs_seconds += time.time() - started
        row = table.setdefault((source, ours.get(name), found), 0)
        table[source, ours.get(name), found] = row + 1
        if found != "unknown" and found != ours.get(name):
            wrong.append((name, ours.get(name), found, new, old, str(solver.model()) if found == "new-access" else ""))
    out = [
        "# Containment against z3",
        "",
        f"`tests/oracles/containment_z3.py --random {args.random} --seed {args.seed}`, z3 {z3.get_version_string()}: {len(asked)} pairs",
        f"({skipped} left out: holes, principals, short ARNs, mixed families, documents that IAM refuses), {len(wrong)} disagreements.",
        f"z3 took {theirs_seconds:.0f} s for all pairs (at most {args.timeout} s each); `rolefit compare --batch` took {ours_seconds:.2f} s.",
        "",
        "| pairs | rolefit | z3 | count |",
        "| --- | --- | --- | --- |",
    ]
    out += [f"| {source} | {mine} | {found} | {count} |" for (source, mine, found), count in sorted(table.items(), key=str)]
    pathlib.Path(args.table).write_text("\n".join(out) + "\n")
    print("\n".join(out))
    for name, mine, found, new, old, model in wrong[:20]:
        print(f"\n{name}: rolefit {mine}, z3 {found}\n  new {json.dumps(new)}\n  old {json.dumps(old)}\n  {model}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
