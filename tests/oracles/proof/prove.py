"""Proves generated roles on running functions: enough for every scenario, and nothing that could go.

Each function runs as the binary that Lambda would run, under the role that `rolefit generate --write` gives it, in an
emulator that refuses what the role does not allow. First its scenario must pass. Then, for each grant of its policy that
the scenario uses, the scenario must fail when the grant is removed and when it names another resource, and what is
refused must be exactly what the grant allows. Grants that no call of the function uses in the emulator are counted apart
and must be listed in `known.json`, as must be faults of the emulator; an entry there that no longer holds fails too.

Usage: prove.py ROLEFIT WORK NAME=SOURCE=BINARIES...
"""

import importlib
import json
import pathlib
import socket
import subprocess
import sys
import time

import boto3
from botocore.config import Config

sys.dont_write_bytecode = True

import applied  # noqa: E402
import deploy  # noqa: E402
import mutations  # noqa: E402

HERE = pathlib.Path(__file__).parent
REGION = "us-east-1"
# The function whose role is also written by `rolefit apply`, and what its stack was given.
APPLIED, PARAMETERS = "PlaceOrderFunction", {"Stage": "prod"}


class Emulator:
    """The emulator as a process of its own."""

    def __init__(self, work):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.decisions = work / "decisions.jsonl"
        self.decisions.write_text("")
        self.read = 0
        self.log = open(work / "emulator.log", "w", encoding="utf-8")
        command = [sys.executable, HERE / "emulator.py", str(self.port), self.decisions]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.made = {}
        self.wait()

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise SystemExit(f"the emulator ended: {pathlib.Path(self.log.name).read_text()[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise SystemExit("the emulator does not listen")

    def client(self, service):
        """A client with the rights of the account's root user."""
        if service not in self.made:
            self.made[service] = boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, read_timeout=60),
            )
        return self.made[service]

    def new_decisions(self):
        """The decisions since they were last asked for, those about the root user left out."""
        with open(self.decisions, encoding="utf-8") as file:
            file.seek(self.read)
            lines = file.readlines()
            self.read = file.tell()
        return [note for note in map(json.loads, lines) if not note["principal"].endswith(":root")]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Subject:
    """A deployed function with its scenario."""

    def __init__(self, emulator, logical, names, scenario):
        self.emulator, self.logical, self.names, self.scenario = emulator, logical, names, scenario
        self.function = names[logical]
        self.session = f"/{self.function}"
        configuration = emulator.client("lambda").get_function_configuration(FunctionName=self.function)
        self.timeout = configuration["Timeout"]
        self.role = configuration["Role"].rsplit("/", 1)[-1]
        iam = emulator.client("iam")
        (self.policy_name,) = iam.list_role_policies(RoleName=self.role)["PolicyNames"]
        self.policy = iam.get_role_policy(RoleName=self.role, PolicyName=self.policy_name)["PolicyDocument"]

    def run(self, policy):
        """Runs the scenario under a policy (none: as the role is): whether all was done, the answers, the decisions
        about the function."""
        clients = self.emulator.client
        if policy is not None:
            document = json.dumps(policy)
            clients("iam").put_role_policy(RoleName=self.role, PolicyName=self.policy_name, PolicyDocument=document)
        # A new configuration ends the running environment: what a function does when it starts is part of the proof.
        clients("lambda").update_function_configuration(FunctionName=self.function, Timeout=self.timeout)
        self.scenario.before(clients, self.names)
        self.emulator.new_decisions()
        answers, failed = [], False
        for event in self.scenario.events(clients, self.names):
            answer = clients("lambda").invoke(FunctionName=self.function, Payload=json.dumps(event).encode())
            answers.append(json.loads(answer["Payload"].read() or b"null"))
            failed |= "FunctionError" in answer
        try:
            done = not failed and bool(self.scenario.done(answers))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            done, answers = False, [*answers, repr(error)]
        decisions = self.emulator.new_decisions()
        return done, answers, [each for each in decisions if each["principal"].endswith(self.session)]


class Known:
    """What is known of the emulator; every entry must prove true."""

    def __init__(self):
        entries = json.loads((HERE / "known.json").read_text(encoding="utf-8"))
        self.silent, self.faults = entries["not_exercised"], entries["faults"]
        self.gaps, self.references = entries["gaps"], entries["references"]
        self.met = set()

    def is_silent(self, function, action):
        found = False
        for index, entry in enumerate(self.silent):
            if action in entry["actions"] and entry["function"] in ("*", function):
                self.met.update({("silent", index, action)})
                found = True
        return found

    def fault(self, function):
        """The refusals that the emulator wrongly gives this function."""
        found = [entry for entry in self.faults if entry["function"] == function]
        self.met.update(("fault", entry["function"]) for entry in found)
        return found

    def unlisted(self, gaps):
        """Gaps that are not listed."""
        for function, code, message in gaps:
            listed = [
                index
                for index, entry in enumerate(self.gaps)
                if (entry["function"], entry["code"]) == (function, code) and entry["about"] in message
            ]
            self.met.update(("gap", index) for index in listed)
            if not listed:
                yield f"{function}: {code}: {message}"

    def stale_references(self, names, types):
        """Resources whose `Ref` is listed as wrong, but is an ARN."""
        for entry in self.references:
            for logical, kind in types.items():
                if kind == entry["type"] and names[logical].startswith("arn:"):
                    yield f"known.json: `Ref` of {logical} is right"

    def unmet(self):
        for index, entry in enumerate(self.gaps):
            if ("gap", index) not in self.met:
                yield f"known.json: {entry['function']} has no gap about {entry['about']} any more"
        for index, entry in enumerate(self.silent):
            for action in entry["actions"]:
                if ("silent", index, action) not in self.met:
                    yield f"known.json: {action} is listed as not exercised, but is exercised or not granted"
        for entry in self.faults:
            if ("fault", entry["function"]) not in self.met:
                yield f"known.json: the fault of {entry['function']} concerns no function"


def prove(subject, known):
    """The row of one function and what is wrong."""
    name = subject.logical
    row = {"function": name, "grants": len(mutations.grants(subject.policy)), "mutations": 0, "killed": 0, "silent": []}
    done, answers, decisions = subject.run(subject.policy)
    refused = [each for each in decisions if not each["allowed"]]
    faults = known.fault(name)
    if faults:
        return row | {"fault": faults[0]["asks"]}, expect_fault(name, faults[0], done, refused)
    if not done or refused:
        return row, [f"{name}: not enough: {refused or answers}"]
    wrong = []
    for grant, made in mutations.mutants(subject.policy):
        if not any(mutations.is_of(grant, each) for each in decisions):
            row["silent"].append(grant[0])
            if not known.is_silent(name, grant[0]):
                wrong.append(f"{name}: {grant[0]} on {grant[1]} is granted, but no call uses it")
            continue
        for what, policy in made:
            row["mutations"] += 1
            wrong_here = survived(subject, grant, policy)
            row["killed"] += not wrong_here
            wrong += [f"{name}: {grant[0]} on {grant[1]} {what}: {why}" for why in wrong_here]
    done, answers, _ = subject.run(subject.policy)
    if not done:
        wrong.append(f"{name}: with its policy back it fails: {answers}")
    return row, wrong


def survived(subject, grant, policy):
    """What is wrong when a scenario runs without a grant that it uses: it must fail, for just that grant."""
    done, _, decisions = subject.run(policy)
    refused = [each for each in decisions if not each["allowed"]]
    if done:
        return ["the scenario passes all the same"]
    if not refused:
        return ["the scenario fails, but nothing was refused"]
    return [f"refused instead: {each}" for each in refused if not mutations.is_of(grant, each)]


def expect_fault(name, fault, done, refused):
    """A listed fault must show exactly as listed."""
    asked = {each["action"] + (" on *" if each["resource"] == "*" else "") for each in refused}
    if done or asked != {fault["asks"]}:
        return [f"{name}: known.json lists that the emulator asks for {fault['asks']}, but it refused {sorted(asked)}"]
    return []


def table(rows):
    print(f"{'function':24}{'grants':>8}{'mutations':>11}{'killed':>8}  not exercised")
    for row in rows:
        silent = "  ".join(f"{action} ×{row['silent'].count(action)}" for action in sorted(set(row["silent"])))
        fault = f"emulator's fault: asks for {row['fault']}" if "fault" in row else ""
        print(f"{row['function']:24}{row['grants']:>8}{row['mutations']:>11}{row['killed']:>8}  {fault or silent}")
    count = {key: sum(row[key] for row in rows) for key in ("grants", "mutations", "killed")}
    print(f"{len(rows)} functions, {count['grants']} grants, {count['mutations']} mutations, {count['killed']} killed")


def main(rolefit, work, *applications):
    begun = time.monotonic()
    work = pathlib.Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    known, rows, wrong = Known(), [], []
    emulator = Emulator(work)
    try:
        emulator.client("s3").create_bucket(Bucket=deploy.ARTEFACTS)
        for application in applications:
            name, source, binaries = application.split("=")
            template = deploy.generated(rolefit, source, work / name)
            scenarios = importlib.import_module(f"scenarios.{name}").SCENARIOS
            if set(scenarios) != set(deploy.functions(template)):
                raise SystemExit(f"{name}: functions and scenarios differ")
            wrong += known.unlisted(deploy.gaps(rolefit, work / name))
            types = {logical: resource["Type"] for logical, resource in template["Resources"].items()}
            names = deploy.deploy(emulator.client, name, template, binaries, work, known.references)
            wrong += known.stale_references(names, types)
            for logical, scenario in scenarios.items():
                subject = Subject(emulator, logical, names, scenario)
                row, complaints = prove(subject, known)
                rows.append(row)
                wrong += complaints
                if logical == APPLIED:
                    wrong += applied.check(emulator, rolefit, work / name, name, PARAMETERS, subject)
    finally:
        emulator.stop()
    table(rows)
    wrong += known.unmet()
    for complaint in wrong:
        print(f"WRONG: {complaint}", file=sys.stderr)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
