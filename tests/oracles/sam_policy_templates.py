"""Compares `policy-templates/sam/` with the policy templates that SAM's transform carries.

    python sam_policy_templates.py

Needs `pip install aws-sam-translator==1.115.0`. Each template is expanded with its own parameters' names as values; the
granted (action, resource, condition) rows must be the same, but for the differences listed in ALLOWED.
"""

import importlib.resources
import json
import pathlib
import sys
import tomllib

TEMPLATES = pathlib.Path(__file__).parent.parent.parent / "policy-templates" / "sam"

# Template -> actions that SAM lists and that IAM does not have.
ALLOWED = {"SQSPollerPolicy": {"sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch"}}

STANDARD = {"${partition}": "${AWS::Partition}", "${region}": "${AWS::Region}", "${account}": "${AWS::AccountId}"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def ours(name):
    template = tomllib.loads((TEMPLATES / f"{name}.toml").read_text())

    def filled(text):
        for symbol, meaning in STANDARD.items():
            text = text.replace(symbol, meaning)
        return text

    return set(template.get("params", {})), {
        (action, filled(resource), condition_text(statement.get("condition", {}), filled))
        for statement in template["statement"]
        for action in as_list(statement["actions"])
        for resource in as_list(statement["resources"])
    }


def theirs(template):
    def filled(value):
        if isinstance(value, str):
            return value
        value = value["Fn::Sub"]
        if isinstance(value, str):
            return value
        text, variables = value
        for variable, meaning in variables.items():
            text = text.replace("${%s}" % variable, "${%s}" % meaning["Ref"])
        return text

    return set(template.get("Parameters", {})), {
        (action, filled(resource), condition_text(statement.get("Condition", {}), filled))
        for statement in template["Definition"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def condition_text(condition, filled):
    rows = [
        (operator, key, filled(value))
        for operator, keys in condition.items()
        for key, values in keys.items()
        for value in as_list(values)
    ]
    return json.dumps(sorted(rows))


def main():
    data = importlib.resources.files("samtranslator") / "policy_templates_data" / "policy_templates.json"
    known = json.loads(data.read_text())["Templates"]
    files = {path.stem for path in TEMPLATES.glob("*.toml")} - {"connectors"}
    problems = [f"{name}: only on one side" for name in sorted(files ^ set(known))]
    for name in sorted(files & set(known)):
        our_parameters, our_rows = ours(name)
        their_parameters, their_rows = theirs(known[name])
        their_rows = {row for row in their_rows if row[0] not in ALLOWED.get(name, ())}
        if our_parameters != their_parameters:
            problems.append(f"{name}: parameters {our_parameters ^ their_parameters}")
        problems += [f"{name}: only ours: {row}" for row in sorted(our_rows - their_rows)]
        problems += [f"{name}: only SAM's: {row}" for row in sorted(their_rows - our_rows)]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(files)} policy templates grant what SAM's grant")


main()
