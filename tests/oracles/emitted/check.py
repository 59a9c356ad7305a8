"""Judges generated roles by the tools of their languages.

* SAM: the demo's template with the roles written into it passes cfn-lint without a word, in YAML and in JSON.
* Terraform: python-hcl2 parses the HCL, which says the same as the JSON syntax and, statement by statement, the policies.
* CDK: the constructs compile under `tsc --strict` and synthesise exactly the statements of the policies.

Usage: check.py ROLEFIT FOLDER   (FOLDER gets node_modules and what is made)
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hcl2
from cfnlint.decode import cfn_yaml

DEMO = Path("docs/demo/orders")
APP = Path("tests/fixtures/deploy/same-app")
LINT = Path(sys.executable).with_name("cfn-lint")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def sam(rolefit, folder):
    """The template with the roles in it, linted; the reader must be able to find fault, so a broken one is linted too."""
    work = folder / "sam"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(DEMO, work, ignore=shutil.ignore_patterns("target"))
    run(rolefit, "generate", "--write", cwd=work)
    template = work / "template.yaml"
    text = template.read_text()
    run(LINT, "--non-zero-exit-code", "informational", template)
    broken = work / "broken.yaml"
    broken.write_text(text.replace("Effect: Allow", "Effect: Perhaps", 1))
    done = subprocess.run([LINT, broken], capture_output=True)
    if done.returncode == 0:
        sys.exit("cfn-lint passes a template with a statement whose effect is `Perhaps`")
    in_json = work.with_name("sam-json")
    shutil.rmtree(in_json, ignore_errors=True)
    shutil.copytree(DEMO, in_json, ignore=shutil.ignore_patterns("target", "template.yaml"))
    template = in_json / "template.json"
    template.write_text(json.dumps(cfn_yaml.load(DEMO / "template.yaml"), indent=4) + "\n")
    run(rolefit, "generate", "--write", cwd=in_json)
    run(LINT, "--non-zero-exit-code", "informational", template)
    roles = [json.dumps(text).count("AWS::IAM::Role") for text in (text, template.read_text())]
    if roles[0] != roles[1]:
        sys.exit(f"{roles[0]} roles in YAML and {roles[1]} in JSON")
    print(f"  cfn-lint: {roles[0]} roles in the template, in YAML and in JSON, nothing found")


def flat(value):
    """A value of a synthesised template as text, pseudo parameters as `${…}`."""
    if isinstance(value, dict):
        if "Ref" in value:
            return "${" + value["Ref"] + "}"
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return separator.join(flat(part) for part in parts)
        raise ValueError(value)
    return value


def listed(value):
    return value if isinstance(value, list) else [value]


def canonical(statement, resource):
    condition = {
        operator: {key: sorted(resource(flat(one)) for one in listed(values)) for key, values in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return json.dumps(
        {
            "Sid": statement["Sid"],
            "Action": sorted(listed(statement["Action"])),
            "Resource": sorted(resource(flat(one)) for one in listed(statement["Resource"])),
            "Condition": condition,
        },
        sort_keys=True,
    )


def cdk(rolefit, folder):
    """Constructs with every property passed as a text that tells which it is, compared statement by statement."""
    work = folder / "cdk"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    roles = run(rolefit, "generate", DEMO, "--format", "cdk")
    (work / "roles.ts").write_text(roles)
    properties = {
        name: re.findall(r"readonly (\w+): string", body)
        for name, body in re.findall(r"export interface (\w+)Props \{(.*?)\n\}", roles, re.S)
    }
    classes = re.findall(r"export class (\w+) extends", roles)
    lines = ["import { App, Stack } from 'aws-cdk-lib';", "import * as roles from './roles';", "const app = new App();"]
    lines.append("const stack = new Stack(app, 'Roles');")
    for name in classes:
        passed = "".join(f"{one}: '<{one}>', " for one in properties.get(name, []))
        lines.append(f"new roles.{name}(stack, '{name}'" + (f", {{ {passed}}});" if passed else ");"))
    lines.append("process.stdout.write(JSON.stringify(app.synth().getStackByName('Roles').template));")
    (work / "app.ts").write_text("\n".join(lines) + "\n")
    modules = folder / "node_modules"
    os.symlink(modules.resolve(), work / "node_modules")
    compiler = [modules / ".bin/tsc", "--strict", "--noUnusedLocals", "--target", "es2022", "--module", "commonjs"]
    run(*compiler, "--skipLibCheck", "--types", "node", "app.ts", cwd=work)
    template = json.loads(run("node", "app.js", cwd=work))

    policies = json.loads(run(rolefit, "generate", DEMO))
    made = {
        logical[: logical.index("Role")]: resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    statements = 0
    for function, policy in policies.items():
        names = properties.get(f"{function}Role", [])

        def known(text):
            """A symbolic ARN or symbol as the property that stands for it."""
            for name in names:
                if name.endswith("Arn"):
                    symbol = name[0].upper() + name[1:-3]
                    text = re.sub(r"^arn:.*\$\{" + symbol + r"\}", f"<{name}>", text)
            for name in names:
                text = text.replace("${" + name[0].upper() + name[1:] + "}", f"<{name}>")
            return text

        wanted = sorted(canonical(one, known) for one in policy["Statement"])
        found = sorted(canonical(one, lambda text: text) for one in made.pop(function))
        if wanted != found:
            sys.exit(f"{function}: the CDK makes\n" + "\n".join(found) + "\nand the policy is\n" + "\n".join(wanted))
        statements += len(wanted)
    if made:
        sys.exit(f"the CDK makes roles that nobody asked for: {sorted(made)}")
    print(f"  tsc and CDK: {len(policies)} constructs, {statements} statements, equal to the policies")


def plain(value):
    """A value of python-hcl2 as Terraform's JSON syntax has it: texts without their quotes, nothing of the parser's own."""
    if isinstance(value, dict):
        return {key.strip('"'): plain(one) for key, one in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def documents_of_hcl(text):
    """Name → statements of each `aws_iam_policy_document`."""
    blocks = plain(hcl2.loads(text)).get("data", [])
    named = [block["aws_iam_policy_document"] for block in blocks if "aws_iam_policy_document" in block]
    return {name: body.get("statement", []) for block in named for name, body in block.items()}


def documents_of_json(text):
    documents = json.loads(text)["data"]["aws_iam_policy_document"]
    without_reason = lambda statement: {key: one for key, one in statement.items() if key != "//"}
    return {name: [without_reason(one) for one in body["statement"]] for name, body in documents.items()}


PSEUDO = {
    "${data.aws_partition.current.partition}": "${AWS::Partition}",
    "${data.aws_region.current.region}": "${AWS::Region}",
    "${data.aws_caller_identity.current.account_id}": "${AWS::AccountId}",
}


def as_policy(statement):
    """A statement of Terraform as one of a policy."""

    def text(value):
        for terraform, symbol in PSEUDO.items():
            value = value.replace(terraform, symbol)
        return value

    condition = {}
    for one in statement.get("condition", []):
        condition.setdefault(one["test"], {})[one["variable"]] = [text(value) for value in one["values"]]
    resources = [text(one) for one in statement["resources"]]
    return {"Sid": statement["sid"], "Action": statement["actions"], "Resource": resources, "Condition": condition}


def terraform(rolefit, folder):
    work = folder / "terraform"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(APP / "app", work)
    shutil.copytree(APP / "terraform", work, dirs_exist_ok=True)
    hcl = documents_of_hcl(run(rolefit, "generate", work, "--format", "terraform"))
    if hcl != documents_of_json(run(rolefit, "generate", work, "--format", "terraform-json")):
        sys.exit("Terraform's HCL and JSON say different things")
    # An attribute is what the policy writes out as an ARN with the resource's address in it.
    attribute = lambda text: re.sub(r"^arn:.*\$\{(aws_\w+\.\w+)\}", r"${\1.arn}", text)
    statements = 0
    for function, policy in json.loads(run(rolefit, "generate", work)).items():
        wanted = sorted(canonical(one, attribute) for one in policy["Statement"])
        made = hcl[function.rsplit(".", 1)[-1]]
        found = sorted(canonical(as_policy(one), lambda text: text) for one in made)
        if wanted != found:
            sys.exit(f"{function}: Terraform says\n" + "\n".join(found) + "\nand the policy is\n" + "\n".join(wanted))
        statements += len(wanted)
    print(f"  python-hcl2: {statements} statements, equal to the policies and to the JSON syntax")


def main():
    rolefit, folder = (Path(argument).resolve() for argument in sys.argv[1:3])
    folder.mkdir(parents=True, exist_ok=True)
    sam(rolefit, folder)
    terraform(rolefit, folder)
    cdk(rolefit, folder)


main()
