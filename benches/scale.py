#!/usr/bin/env python3
"""Shows how cost grows with the number of functions.

    benches/scale.py FUNCTIONS FOLDER              writes a workspace
    benches/scale.py measure ROLEFIT FOLDER        writes three and prints what each command takes, as a table

For each function: a package of about 1,000 lines, a role of its own and one that nobody uses; stacks of 50 functions
with 15 resources each; a shared crate. Same arguments, same bytes. CPU seconds are user and system, the least of three
runs; memory is the most that was resident.
"""

import os
import pathlib
import random
import subprocess
import sys
import time

STACK = 50
SERVICES = [
    ("dynamodb", "DynamoDbTable", "put_item().table_name(&self.name).item(\"pk\", AttributeValue::S(key))"),
    ("s3", "S3Bucket", "put_object().bucket(&self.name).key(format!(\"reports/{key}.json\"))"),
    ("sqs", "SqsQueue", "send_message().queue_url(&self.name).message_body(key)"),
    ("sns", "SnsTopic", "publish().topic_arn(&self.name).message(key)"),
    ("secretsmanager", "Secret", "get_secret_value().secret_id(&self.name)"),
]
KINDS = {
    "DynamoDbTable": ("AWS::DynamoDB::Table", "!Ref", "dynamodb:*", "!GetAtt {0}.Arn"),
    "S3Bucket": ("AWS::S3::Bucket", "!Ref", "s3:*", "!Sub 'arn:aws:s3:::${{{0}}}/*'"),
    "SqsQueue": ("AWS::SQS::Queue", "!Ref", "sqs:*", "!GetAtt {0}.Arn"),
    "SnsTopic": ("AWS::SNS::Topic", "!Ref", "sns:Publish", "!Ref {0}"),
    "Secret": ("AWS::SecretsManager::Secret", "!Ref", "secretsmanager:GetSecretValue", "!Ref {0}"),
}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def client(service, call, at):
    """A store over one resource, with a trait between it and the handler."""
    extra = "use aws_sdk_dynamodb::types::AttributeValue;\n" if service == "dynamodb" else ""
    return f"""use crate::rules::Order;
use crate::Keep;
{extra}
pub struct Store{at} {{
    client: aws_sdk_{service}::Client,
    name: String,
}}

impl Store{at} {{
    pub fn new(config: &aws_config::SdkConfig) -> Self {{
        Self {{ client: aws_sdk_{service}::Client::new(config), name: std::env::var("RESOURCE_{at}").expect("set") }}
    }}
}}

impl Keep for Store{at} {{
    async fn keep(&self, order: &Order) -> Result<(), Box<dyn std::error::Error>> {{
        let key = order.key.clone();
        self.client.{call}.send().await?;
        Ok(())
    }}
}}
"""


def rules(draw, lines):
    """Code that has nothing to do with AWS: as many lines as said, about."""
    out = ["#[derive(Clone, Debug)]", "pub struct Order { pub key: String, pub lines: Vec<u64> }", ""]
    n = 0
    while len(out) < lines:
        limit = draw.randrange(2, 90)
        out += [
            f"/// Rule {n}: what counts when an order has more than {limit} lines.",
            f"pub fn rule_{n}(order: &Order) -> Option<u64> {{",
            f"    let sum: u64 = order.lines.iter().take({limit}).copied().sum();",
            "    match sum {",
            "        0 => None,",
            f"        1..={limit} => Some(sum.saturating_mul(2)),",
            f"        other if other % {limit} == 0 => order.lines.last().map(|last| last + {n}),",
            "        other => {",
            "            let text = format!(\"{other}:{}\", order.key);",
            "            Some(u64::try_from(text.len()).unwrap_or(other))",
            "        }",
            "    }",
            "}",
            "",
        ]
        n += 1
    out.append("pub fn all(order: &Order) -> u64 {")
    out.append("    [" + ", ".join(f"rule_{i}(order)" for i in range(n)) + "].into_iter().flatten().sum()")
    out.append("}")
    return "\n".join(out) + "\n"


def workspace(count, folder):
    """Writes a workspace of `count` functions."""
    draw = random.Random(20261122)
    write(
        folder / "Cargo.toml",
        '[workspace]\nresolver = "3"\nmembers = ["functions/*", "crates/*"]\n',
    )
    write(
        folder / "crates/setup/Cargo.toml",
        '[package]\nname = "setup"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\naws-config = "1"\n',
    )
    write(
        folder / "crates/setup/src/lib.rs",
        "pub async fn config() -> aws_config::SdkConfig {\n    aws_config::load_from_env().await\n}\n",
    )
    stacks = (count + STACK - 1) // STACK
    for stack in range(stacks):
        template = ["Transform: AWS::Serverless-2016-10-31", "Resources:"]
        resources = []
        for at in range(15):
            kind = SERVICES[at % len(SERVICES)][1]
            resources.append((f"Resource{at}", kind))
            template += [f"  Resource{at}:", f"    Type: {KINDS[kind][0]}"]
        for number in range(stack * STACK, min(count, (stack + 1) * STACK)):
            name = f"fn-{number:04}"
            used = draw.sample(range(len(resources)), 2)
            package = folder / "functions" / name
            depends = {SERVICES[at % len(SERVICES)][0] for at in used}
            lines = "".join(f'aws-sdk-{each} = "1"\n' for each in sorted(depends))
            write(
                package / "Cargo.toml",
                f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\naws-config = "1"\n'
                f'{lines}lambda_runtime = "1"\nserde_json = "1"\nsetup = {{ path = "../../crates/setup" }}\ntokio = "1"\n',
            )
            for at in range(2):
                service, _, call = SERVICES[used[at] % len(SERVICES)]
                write(package / f"src/store{at}.rs", client(service, call, at))
            write(package / "src/rules.rs", rules(draw, 920))
            write(
                package / "src/main.rs",
                """mod rules;
mod store0;
mod store1;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

pub trait Keep {
    async fn keep(&self, order: &rules::Order) -> Result<(), Box<dyn std::error::Error>>;
}

struct App<K: Keep> {
    keep: K,
}

impl<K: Keep> App<K> {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let order = rules::Order { key: event.payload["key"].to_string(), lines: vec![] };
        if rules::all(&order) > 10 {
            self.keep.keep(&order).await.map_err(|error| error.to_string())?;
        }
        Ok(event.payload)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = setup::config().await;
    let first = App { keep: store0::Store0::new(&config) };
    let second = App { keep: store1::Store1::new(&config) };
    run(service_fn(|event: LambdaEvent<Value>| async {
        first.handle(event.clone()).await?;
        second.handle(event).await
    }))
    .await
}
""",
            )
            logical = f"Fn{number:04}"
            template += [
                f"  {logical}:",
                "    Type: AWS::Serverless::Function",
                "    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: " + name + " } }",
                "    Properties:",
                f"      CodeUri: ../functions/{name}",
                "      Handler: bootstrap",
                "      Runtime: provided.al2023",
                f"      Role: !GetAtt {logical}Role.Arn",
                "      Environment:",
                "        Variables:",
            ]
            for at, resource in enumerate(used):
                logical_resource, kind = resources[resource]
                template.append(f"          RESOURCE_{at}: {KINDS[kind][1]} {logical_resource}")
            for role, principal in ((f"{logical}Role", "lambda"), (f"{logical}Other", "states")):
                template += [
                    f"  {role}:",
                    "    Type: AWS::IAM::Role",
                    "    Properties:",
                    "      AssumeRolePolicyDocument:",
                    "        Statement:",
                    "          - { Effect: Allow, Action: 'sts:AssumeRole', Principal: { Service: " + principal + ".amazonaws.com } }",
                    "      ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
                    "      Policies:",
                    "        - PolicyName: own",
                    "          PolicyDocument:",
                    "            Statement:",
                ]
                for resource in used:
                    logical_resource, kind = resources[resource]
                    template += [
                        "              - Effect: Allow",
                        f"                Action: '{KINDS[kind][2]}'",
                        f"                Resource: {KINDS[kind][3].format(logical_resource)}",
                    ]
        write(folder / f"stacks/stack{stack:02}.yaml", "\n".join(template) + "\n")


def once(command):
    """CPU seconds, seconds and MB of one run of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # 1: the check fails, which is an answer.
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1024


def cost(command):
    """CPU seconds, seconds and MB of a command: the least of three runs."""
    return min(once(command) for _ in range(3))


def measure(rolefit, folder):
    """Runs what people run, over 10, 100 and 1,000 functions."""
    print("| functions | lines of Rust | command | CPU | wall | memory | written |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for count in (10, 100, 1000):
        place = folder / str(count)
        workspace(count, place)
        lines = sum(path.read_text().count("\n") for path in place.rglob("*.rs"))
        page, policies = folder / f"{count}.html", folder / f"policies-{count}"
        commands = {
            "rolefit": ([rolefit, place], None),
            "rolefit check": ([rolefit, "check", place], None),
            "rolefit check -o html=FILE": ([rolefit, "check", place, "-q", "-o", f"html={page}"], page),
            "rolefit generate --out-dir": ([rolefit, "generate", place, "--out-dir", policies], policies),
        }
        for name, (command, written) in commands.items():
            cpu, wall, memory = cost(command)
            size = "" if written is None else f"{sum(f.stat().st_size for f in [written, *written.rglob('*')] if f.is_file()) / 1e6:.1f} MB"
            print(f"| {count:,} | {lines:,} | `{name}` | {cpu:.2f} s | {wall:.2f} s | {memory:.0f} MB | {size} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        workspace(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
