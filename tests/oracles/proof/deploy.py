"""Puts an application under its generated roles into the emulator."""

import io
import json
import pathlib
import shutil
import subprocess
import zipfile

from samtranslator.yaml_helper import yaml_parse

ARTEFACTS = "artefacts"


def generated(rolefit, source, work):
    """A copy of an application with the roles that `generate --write` gives its functions: its stack template."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work, ignore=shutil.ignore_patterns("target"))
    command = [rolefit, "generate", "--write", "--with-gaps", work]
    written = subprocess.run(command, capture_output=True, text=True, check=False)
    if written.returncode or "left:" in written.stderr:
        raise SystemExit(f"{source}: {written.stderr}")
    return yaml_parse((pathlib.Path(work) / "template.yaml").read_text(encoding="utf-8"))


def gaps(rolefit, work):
    """What rolefit says it does not know of an application: (function, code, message)."""
    report = subprocess.run([rolefit, "diff", work, "--format", "json"], capture_output=True, text=True, check=False)
    return [
        (function["name"], gap["code"], gap["message"])
        for function in json.loads(report.stdout)["functions"]
        for gap in function["gaps"]
    ]


def as_aws_refers(node, names, attribute):
    """The template with `Ref` of the named resources as an attribute, where the emulator's `Ref` is wrong."""
    if isinstance(node, dict):
        if set(node) == {"Ref"} and node["Ref"] in names:
            return {"Fn::GetAtt": [node["Ref"], attribute]}
        return {key: as_aws_refers(value, names, attribute) for key, value in node.items()}
    if isinstance(node, list):
        return [as_aws_refers(value, names, attribute) for value in node]
    return node


def functions(template):
    """Logical id → binary of each function."""
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            found[name] = resource["Metadata"]["BuildProperties"]["Binary"]
    return found


def package(binary, folder):
    """A zip with the stripped binary as `bootstrap`."""
    bootstrap = pathlib.Path(folder) / f"{binary.name}.bootstrap"
    subprocess.run(["strip", "-o", bootstrap, binary], check=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, bootstrap.read_bytes())
    bootstrap.unlink()
    return out.getvalue()


def deploy(clients, name, template, binaries, work, references):
    """Creates the stack, without what starts the functions (the scenarios do): logical id → physical id."""
    s3, stacks = clients("s3"), clients("cloudformation")
    for logical, binary in functions(template).items():
        key = f"{name}/{binary}.zip"
        s3.put_object(Bucket=ARTEFACTS, Key=key, Body=package(pathlib.Path(binaries) / binary, work))
        properties = template["Resources"][logical]["Properties"]
        properties["CodeUri"] = f"s3://{ARTEFACTS}/{key}"
        properties.pop("Events", None)
    template["Globals"]["Function"].pop("CodeUri", None)
    template.pop("Outputs", None)
    for entry in references:
        of_type = [key for key, resource in template["Resources"].items() if resource["Type"] == entry["type"]]
        template = as_aws_refers(template, of_type, entry["use"])
    stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template, default=str),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except Exception:
        for event in stacks.describe_stack_events(StackName=name)["StackEvents"]:
            print(event.get("LogicalResourceId"), event.get("ResourceStatus"), event.get("ResourceStatusReason"))
        raise
    resources = stacks.describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
