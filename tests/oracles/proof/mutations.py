"""Policies as grants (one action on one resource under one condition), and each policy that lacks one of them."""

import re


def listed(value):
    return value if isinstance(value, list) else [value]


def grants(policy):
    """Every grant of a policy document, in order: (action, resource, condition)."""
    return [
        (action, resource, statement.get("Condition"))
        for statement in listed(policy["Statement"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def document(wanted):
    """A policy document of grants."""
    statements = []
    for action, resource, condition in wanted:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        statements.append(statement | ({"Condition": condition} if condition else {}))
    # A role cannot have a document without statements.
    nothing = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": statements or [nothing]}


def elsewhere(resource):
    """The same kind of resource, but others: by the name, and by what stands behind it (an index, a key, a path)."""
    if resource == "*":
        return []
    *start, service, region, account, rest = resource.split(":", 5)
    start = ":".join([*start, service, region, account])
    # Kind, name, what is behind: `table/` `orders` `/index/by-day`; buckets, queues and topics are names at once.
    kind, name, behind = re.fullmatch(r"((?:[a-z-]+[/:])?)([^/:]*)(.*)", rest).groups()
    if service == "s3":
        kind, name, behind = "", *re.fullmatch(r"([^/]*)(.*)", rest).groups()
    found = []
    if name and name != "*":
        found.append(f"{start}:{kind}{name}-elsewhere{behind}")
    if behind.strip("/:*"):
        other = f"/elsewhere{behind}" if service == "s3" else f"{behind}-elsewhere"
        found.append(f"{start}:{kind}{name}{other}")
    return found


def mutants(policy):
    """For each grant, its mutants: (what was done, the policy that is left)."""
    every = grants(policy)
    for index, grant in enumerate(every):
        others = every[:index] + every[index + 1:]
        action, resource, condition = grant
        made = [("removed", document(others))]
        for other in elsewhere(resource):
            made.append((f"on {other}", document([*others, (action, other, condition)])))
        yield grant, made


def covers(pattern, text):
    """Whether a pattern of a policy covers a text: `*` any characters, `?` one."""
    rows = {0}
    for char in pattern:
        if char == "*":
            rows = set(range(min(rows), len(text) + 1)) if rows else rows
        else:
            rows = {row + 1 for row in rows if row < len(text) and char in ("?", text[row])}
    return len(text) in rows


def is_of(grant, decision):
    """Whether a decision was about what a grant allows."""
    action, resource, _ = grant
    return covers(action.lower(), decision["action"].lower()) and covers(resource, decision["resource"])
