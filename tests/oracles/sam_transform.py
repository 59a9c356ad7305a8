"""Runs SAM's own transform on the fixtures and checks (or writes) what each function's role is granted.

    python sam_transform.py [--check | --write]

Needs `pip install aws-sam-translator==1.115.0 pyyaml`. For every `tests/fixtures/deploy/sam/<name>.yaml` there is
`<name>.sam.json`: function -> sorted list of [effect, action, resource, condition]. An attached managed policy is the
action `managed:<Name>` on `*`. Texts are in the manner of `Fn::Sub`; both branches of an `Fn::If` count. The test
`sam_grants_what_the_transform_grants` compares the files with rolefit's own expansion.
"""

import json
import logging
import os
import pathlib
import re
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

# The transform warns that nobody collects its metrics.
logging.disable(logging.WARNING)

# What the fixtures must add up to.
LEAST_TEMPLATES, LEAST_STATEMENTS = 40, 600

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "deploy" / "sam"


def text(value):
    """The texts a value can be."""
    if isinstance(value, (str, int, bool)):
        return [str(value)]
    [(name, argument)] = value.items()
    if name == "Ref":
        return [] if argument == "AWS::NoValue" else ["${%s}" % argument]
    if name == "Fn::GetAtt":
        if isinstance(argument, list):
            argument = ".".join(argument)
        return ["${%s}" % argument]
    if name == "Fn::Sub":
        if isinstance(argument, str):
            return [argument]
        [template, variables] = argument
        for variable, given in variables.items():
            [given] = text(given)
            template = template.replace("${%s}" % variable, given)
        return [template]
    if name == "Fn::Join":
        [separator, parts] = argument
        return [separator.join(one for part in parts for one in text(part))]
    if name == "Fn::If":
        return text(argument[1]) + text(argument[2])
    raise ValueError(f"{name} is not expected here")


def as_list(value):
    return value if isinstance(value, list) else [value]


def branches(value):
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        return [one for branch in value["Fn::If"][1:] for one in branches(branch)]
    if value == {"Ref": "AWS::NoValue"}:
        return []
    return [value]


# How many statements there were in roles of functions; an attached managed policy counts as one.
statements = 0


def document(found, policy):
    global statements
    for statement in as_list(policy["Statement"]):
        statements += 1
        condition = {
            operator: {key: sorted(one for v in as_list(values) for one in text(v)) for key, values in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        }
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                for arn in text(resource):
                    found.add((statement["Effect"], action, arn, json.dumps(condition, sort_keys=True)))


def role_grants(resources, role_id):
    global statements
    found = set()
    properties = resources[role_id].get("Properties", {})
    for managed in properties.get("ManagedPolicyArns", []):
        for arn in (one for branch in branches(managed) for one in text(branch)):
            statements += 1
            found.add(("Allow", "managed:" + arn.rsplit("/", 1)[-1], "*", "{}"))
    for policy in properties.get("Policies", None) or []:
        for branch in branches(policy):
            for inner in branches(branch["PolicyDocument"]):
                document(found, inner)
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            if {"Ref": role_id} in resource["Properties"].get("Roles", []):
                document(found, resource["Properties"]["PolicyDocument"])
    return found


def roles(value):
    """Logical ids of the roles a function can have."""
    return {one.strip("${}").split(".")[0] for branch in branches(value) for one in text(branch)}


def grants(path):
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        # The transform runs after packaging, which puts local code into a bucket.
        if not resource.get("Properties", {}).get("CodeUri", "s3://").startswith("s3://"):
            resource["Properties"]["CodeUri"] = "s3://builds/packaged"
    translator = Translator({}, Parser(), None, boto3.session.Session())
    output = translator.translate(template, {})
    resources = output["Resources"]
    result = {}
    for name, resource in resources.items():
        if resource["Type"] not in ("AWS::Lambda::Function", "AWS::Lambda::WebFunctionRevision"):
            continue
        if resource["Type"] == "AWS::Lambda::WebFunctionRevision":
            [name] = resource["DependsOn"]
        found = set()
        properties = resource["Properties"]
        for role in roles(properties.get("Role") or properties["ServiceConfig"]["ExecutionRoleArn"]):
            found |= role_grants(resources, role)
        rows = sorted(found)
        result[name] = [[effect, action, arn, json.loads(condition)] for effect, action, arn, condition in rows]
    return json.dumps(result, indent=1, sort_keys=True) + "\n"


def compact(printed):
    """One row a line."""
    return re.sub(r"\[\n\s+\"(Allow|Deny)\",\n\s+(\".*\"),\n\s+(\".*\"),\n\s+\{\}\n\s+\]", r'["\1", \2, \3, {}]', printed)


def main():
    write = "--write" in sys.argv[1:]
    stale = []
    templates = functions = rows = 0
    for path in sorted(FIXTURES.glob("*.yaml")):
        golden = path.with_suffix(".sam.json")
        printed = compact(grants(path))
        granted = json.loads(printed)
        templates += 1
        functions += len(granted)
        rows += sum(map(len, granted.values()))
        if write:
            golden.write_text(printed)
        elif golden.read_text() != printed:
            stale.append(golden.name)
    if stale:
        sys.exit("differs from what SAM's transform makes: " + ", ".join(stale))
    print(
        f"the transform makes what the fixtures say: {templates} templates, {functions} functions, "
        f"{statements} statements ({rows} of one action and one resource)"
    )
    if templates < LEAST_TEMPLATES or statements < LEAST_STATEMENTS:
        sys.exit(f"the bars are {LEAST_TEMPLATES} templates and {LEAST_STATEMENTS} statements")


main()
