"""Makes reports of every format from projects of every kind, for the validators and the browser beside this file.

    python samples.py ROLEFIT FOLDER

ROLEFIT is the program. FOLDER/<sample>/report.<format> are the reports, FOLDER/<sample>/exit the exit code, which must
be the one that SAMPLES states.
"""

import pathlib
import random
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]
DEMO = ROOT / "docs" / "demo" / "orders"
FORMATS = ["text", "json", "sarif", "github", "gitlab", "junit", "markdown", "html"]
# Breaks out of attributes, tables, code spans, workflow commands, templates and scripts, where it can.
HOSTILE = (
    "x::y|a\\|b\\\\|<img src=//127.0.0.1:9/q onerror=document.title=1>`%\"'</script><script>document.title=2</script>"
    "@octocat [l](javascript:1) ]]> {{ 7*7 }} ${jndi} ::error::z"
)


def git(folder, *args):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "-C", folder, *identity, *args], check=True, capture_output=True)


def demo(folder):
    """The demo as it is."""
    shutil.copytree(DEMO, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"))
    return []


def base(folder):
    """The demo, judged against a revision in which one statement allowed less."""
    demo(folder)
    template = folder / "template.yaml"
    text = template.read_text()
    assert "S3ReadPolicy" in text
    template.write_text(text.replace("- S3ReadPolicy", "- S3WritePolicy"))
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "before")
    template.write_text(text)
    return ["--base", "HEAD"]


def creep(folder):
    """The demo with a lock, after roles have grown: one by the right to pass every role."""
    demo(folder)
    subprocess.run([ROLEFIT, "lock", "--path", folder], check=True, capture_output=True)
    template = folder / "template.yaml"
    text = template.read_text()
    added = (
        "        - Statement:\n            - Sid: Grown\n              Effect: Allow\n"
        "              Action: [iam:PassRole, lambda:CreateFunction, lambda:InvokeFunction]\n              Resource: '*'\n"
    )
    [head, tail] = text.split("        - DynamoDBCrudPolicy:\n", 1)
    template.write_text(f"{head}{added}        - DynamoDBCrudPolicy:\n{tail}")
    return []


def waived(folder):
    """The demo with findings that are accepted, one whose date is past, and one that matches nothing."""
    demo(folder)
    with (folder / "rolefit.toml").open("a") as config:
        config.write(
            '\n[[ignore]]\nrule = "RF001"\nreason = "known <b>since</b> | May"\n'
            '\n[[ignore]]\nrule = "RF030"\nfunction = "PaymentsFunction"\nreason = "split planned"\nexpires = 2020-01-01\n'
            '\n[[ignore]]\nrule = "RF005"\nfunction = "nobody"\nreason = "gone"\n'
        )
    return []


def hostile(folder):
    """Names that try to break out of every format, in the template, its file name, and the code."""
    name = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    template = (
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n  Orders:\n"
        "    Type: AWS::Serverless::Function\n    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: orders}}\n"
        "    Properties:\n      Runtime: provided.al2023\n      Handler: bootstrap\n      CodeUri: .\n"
        f'      FunctionName: "{name}"\n      Policies:\n        - Statement:\n            - Sid: A\n'
        f"              Effect: Allow\n              Action: ['s3:*', \"{name}\"]\n"
        f'              Resource: "arn:aws:s3:::{name}"\n'
    )
    (folder / "template.yaml").write_text(template)
    (folder / "a,b:c%<x>|`y`.template.yaml").write_text(template.replace("Orders:", "Others:"))
    package(folder, "orders", {"orders": [("dynamodb", "put_item", "table_name", f'"{name}"')]})
    return []


def gaps(folder):
    """Calls that cannot be resolved, a function without a known binary, a statement that cannot be read."""
    (folder / "template.yaml").write_text(
        "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Lost:\n    Type: AWS::Lambda::Function\n    Properties:\n"
        "      Runtime: provided.al2023\n      Handler: bootstrap\n      Role: !GetAtt LostRole.Arn\n  LostRole:\n"
        "    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: a\n          PolicyDocument:\n"
        "            Statement:\n              - Effect: Maybe\n                Action: s3:GetObject\n"
        "                Resource: !ImportValue bucket\n"
    )
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "dark"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\naws-sdk-s3 = "1"\nlambda_runtime = "1"\n'
    )
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text(
        "macro_rules! hidden { ($($t:tt)*) => { $($t)* } }\n"
        "async fn handler(client: &dyn Store, bucket: String) { client.put(bucket).await; unknown::sent().send().await; }\n"
        "trait Store { fn put(&self, bucket: String); }\n"
        "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n"
        "fn main() { let request = std::env::args().next(); aws_sdk_s3::Client::new(&load(request)).list_objects_v2().send(); }\n"
    )
    return []


def unreadable(folder):
    """One stack template that is no YAML, beside one that is: the rest is reported, and the exit code says so."""
    few(folder)
    (folder / "broken.template.yaml").write_text("AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A: {Type: AWS::SNS::Topic, Properties: [\n")
    return []


def clean(folder):
    """A function without a role to judge: no finding at all."""
    package(folder, "tidy", {"tidy": []})
    return []


def few(folder):
    """Three functions."""
    generated(folder, 3)
    return []


def many(folder):
    """Three hundred functions."""
    generated(folder, 300)
    return []


# SDK crate, method, setter of the resource, kind of resource, policies that a hasty author would give it.
CALLS = [
    ("dynamodb", "put_item", "table_name", "Table", ["DynamoDBCrudPolicy: {TableName: !Ref NAME}"]),
    ("dynamodb", "query", "table_name", "Table", ["DynamoDBReadPolicy: {TableName: !Ref NAME}"]),
    ("dynamodb", "get_item", "table_name", "Table", ["AmazonDynamoDBFullAccess"]),
    ("s3", "get_object", "bucket", "Bucket", ["S3ReadPolicy: {BucketName: !Ref NAME}", "Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]"]),
    ("s3", "put_object", "bucket", "Bucket", ["S3CrudPolicy: {BucketName: !Ref NAME}"]),
    ("sqs", "send_message", "queue_url", "Queue", ["SQSSendMessagePolicy: {QueueName: !GetAtt NAME.QueueName}", "Statement: [{Effect: Allow, Action: 'sqs:*', Resource: !GetAtt NAME.Arn}]"]),
    ("sns", "publish", "topic_arn", "Topic", ["SNSPublishMessagePolicy: {TopicName: !GetAtt NAME.TopicName}"]),
    ("secretsmanager", "get_secret_value", "secret_id", "Secret", ["AWSSecretsManagerGetSecretValuePolicy: {SecretArn: !Ref NAME}", "Statement: [{Effect: Allow, Action: 'secretsmanager:*', Resource: '*'}]"]),
    ("kms", "decrypt", "key_id", "Key", ["KMSDecryptPolicy: {KeyId: !Ref NAME}", "Statement: [{Effect: Allow, Action: ['kms:Decrypt', 'kms:Encrypt', 'iam:PassRole'], Resource: '*'}]"]),
    ("ssm", "get_parameter", "name", "Parameter", ["SSMParameterReadPolicy: {ParameterName: !Ref NAME}"]),
]
TYPES = {
    "Table": "AWS::DynamoDB::Table",
    "Bucket": "AWS::S3::Bucket",
    "Queue": "AWS::SQS::Queue",
    "Topic": "AWS::SNS::Topic",
    "Secret": "AWS::SecretsManager::Secret",
    "Key": "AWS::KMS::Key",
    "Parameter": "AWS::SSM::Parameter",
}
WORDS = "orders invoices carts payments shipments returns users reviews prices stock reports exports alerts audits".split()
DEEDS = "create get list update delete sync notify archive import check".split()


def package(folder, name, binaries):
    """A Cargo package; `binaries` are name → (crate, method, setter, Rust expression)."""
    crates = sorted({f'aws-sdk-{crate} = "1"' for calls in binaries.values() for (crate, *_) in calls})
    manifest = f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\naws-config = "1"\n'
    (folder / "Cargo.toml").write_text(manifest + "\n".join(crates) + "\n")
    (folder / "src" / "bin").mkdir(parents=True)
    for binary, calls in binaries.items():
        body = "".join(
            f"    let {crate} = aws_sdk_{crate}::Client::new(&config);\n"
            f"    {crate}.{method}().{setter}({expression}).send().await;\n"
            for (crate, method, setter, expression) in calls
        )
        (folder / "src" / "bin" / f"{binary}.rs").write_text(
            "#[tokio::main]\nasync fn main() {\n    let config = aws_config::load_from_env().await;\n" + body + "}\n"
        )


def generated(folder, count):
    """A SAM stack of `count` functions with the usual excess, the same for the same count."""
    draw = random.Random(count)
    resources = {kind: [f"{word.title()}{kind}" for word in WORDS[: 2 + count // 25]] for kind in TYPES}
    binaries, functions = {}, []
    for index in range(count):
        word = WORDS[index % len(WORDS)]
        name = f"{DEEDS[index // len(WORDS) % len(DEEDS)]}-{word}" + (f"-{index}" if index >= 140 else "")
        logical = "".join(part.title() for part in name.split("-")) + "Function"
        calls, environment, policies = [], {}, []
        for (crate, method, setter, kind, hasty) in draw.sample(CALLS, 1 + index % 3):
            resource = draw.choice(resources[kind])
            variable = f"{crate}_{method}".upper()
            environment[variable] = resource
            calls.append((crate, method, setter, f'std::env::var("{variable}").unwrap()'))
            if draw.random() < 0.92:
                policies.append(draw.choice(hasty).replace("NAME", resource))
        binaries[name] = calls
        properties = "".join(f"          {key}: !Ref {value}\n" for key, value in environment.items())
        attached = "".join(f"        - {policy}\n" for policy in policies) or "        - AWSXrayWriteOnlyAccess\n"
        functions.append(
            f"  {logical}:\n    Type: AWS::Serverless::Function\n    Metadata:\n      BuildMethod: rust-cargolambda\n"
            f"      BuildProperties: {{Binary: {name}}}\n    Properties:\n      Runtime: provided.al2023\n"
            f"      Handler: bootstrap\n      CodeUri: .\n      Environment:\n        Variables:\n{properties}"
            f"      Policies:\n{attached}"
        )
    stack = "".join(
        f"  {name}:\n    Type: {TYPES[kind]}\n" for kind, names in resources.items() for name in names
    )
    (folder / "template.yaml").write_text(
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n" + stack + "".join(functions)
    )
    package(folder, "shop", binaries)


# Sample → its exit code.
SAMPLES = {
    demo: 1,
    base: 1,
    creep: 1,
    waived: 1,
    hostile: 1,
    gaps: 1,
    unreadable: 2,
    clean: 0,
    few: 0,
    many: 1,
}


def main(out):
    shutil.rmtree(out, ignore_errors=True)
    for sample, expected in SAMPLES.items():
        name = sample.__name__
        project, reports = out / name / "project", out / name
        project.mkdir(parents=True)
        options = sample(project)
        targets = [f"-o{form}={reports / f'report.{form}'}" for form in FORMATS]
        done = subprocess.run(
            [ROLEFIT, "check", project, *options, *targets], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
        )
        assert done.returncode == expected, f"{name}: exit code {done.returncode}, not {expected}\n{done.stderr}"
    print(f"{len(SAMPLES)} projects, reports in {len(FORMATS)} formats each")


if __name__ == "__main__":
    ROLEFIT = pathlib.Path(sys.argv[1]).resolve()
    main(pathlib.Path(sys.argv[2]).resolve())
