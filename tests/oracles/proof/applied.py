"""`rolefit apply` and `rollback` against the emulator: the role does its work afterwards, and has what it had before."""

import json
import os
import subprocess

# Allows everything, as a role may that grew by hand.
WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def check(emulator, rolefit, folder, stack, parameters, subject):
    """What is wrong with applying a function's policy to its role, and with taking it back."""
    iam = emulator.client("iam")
    iam.put_role_policy(RoleName=subject.role, PolicyName="by-hand", PolicyDocument=json.dumps(WIDE))
    before = inline(iam, subject.role)
    resources = folder / "resources.json"
    listing = emulator.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    resources.write_text(json.dumps({"StackResources": listing}, default=str), encoding="utf-8")
    settings = [f"--set={name}={value}" for name, value in parameters.items()]
    role = ["--role", subject.role, "--yes"]
    command = ["apply", folder, "--function", subject.logical, f"--set-from={resources}", *settings, *role]
    wrong = run(emulator, rolefit, command)
    after = inline(iam, subject.role)
    if list(after) != ["rolefit"]:
        wrong.append(f"apply left {list(after)}")
    elif not passes(subject):
        wrong.append(f"the scenario fails under what apply wrote: {after}")
    wrong += run(emulator, rolefit, ["rollback", folder, *role])
    if inline(iam, subject.role) != before:
        wrong.append("rollback did not put back what the role had")
    iam.delete_role_policy(RoleName=subject.role, PolicyName="by-hand")
    return [f"{subject.logical}: {what}" for what in wrong]


def run(emulator, rolefit, command):
    environment = os.environ | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{emulator.port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    ran = subprocess.run([rolefit, *command], capture_output=True, text=True, check=False, env=environment)
    return [] if ran.returncode == 0 else [f"`rolefit {command[0]}` exits with {ran.returncode}: {ran.stderr}"]


def inline(iam, role):
    """The inline policies of a role, by name."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in sorted(names)}


def passes(subject):
    """Whether the scenario passes with the role as it is."""
    done, _, decisions = subject.run(None)
    return done and all(each["allowed"] for each in decisions)
