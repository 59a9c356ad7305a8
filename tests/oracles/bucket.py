"""Reads a trail from a bucket of an independent server (ministack) and checks that the store is that of the folder.

Usage: bucket.py ROLEFIT

`ROLEFIT` is built with the feature `live`. The server runs on a free port of the loopback interface with permissions
enforced; rolefit asks it as a user who has just the permissions that `docs/account.md` names for a bucket and for trails.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.config
import botocore.exceptions

FOLDER = pathlib.Path("docs/demo/orders/trail")
BUCKET = "audit-logs"
NOW = "1795176000"  # 2026-11-20T12:00:00Z


def main(rolefit):
    with server() as endpoint, tempfile.TemporaryDirectory() as home:
        aws = Aws(endpoint)
        keys = aws.fill()
        user = aws.user("reader", [
            allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
            allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/AWSLogs/*"),
        ])
        store = f"{home}/usage.db"
        read = run(rolefit, endpoint, user, "--from", f"s3://{BUCKET}", "--store", store)
        check(read["new_objects"] == len(keys), "every object is read", read)
        again = run(rolefit, endpoint, user, "--from", f"s3://{BUCKET}", "--store", store)
        check(again["new_objects"] == 0, "nothing is read twice", again)
        run(rolefit, endpoint, user, "--from", str(FOLDER / "AWSLogs"), "--store", f"{home}/folder.db")
        check(export(rolefit, store) == export(rolefit, f"{home}/folder.db"), "bucket and folder give one store", "")
        part = run(rolefit, endpoint, user, "--from", f"s3://{BUCKET}", "--store", f"{home}/part.db",
                   "--since", "2026-11-06", "--until", "2026-11-07", "--region", "eu-west-1")
        days = {key.split("/")[-2] for key in keys if "/CloudTrail/" in key}
        check(0 < part["new_objects"] < len(keys) and len(days) > 3, "some days are read alone", part)
        one_role(rolefit, endpoint, user, home)
        trails(rolefit, endpoint, aws, home)
        lister = aws.user("lister", [allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}")])
        refused = start(rolefit, endpoint, lister, "--from", f"s3://{BUCKET}", "--store", f"{home}/refused.db")
        check(refused.returncode == 2 and '"Action": "s3:GetObject"' in refused.stderr, "the missing right is named",
              refused.stderr)
        nobody = aws.user("nobody", [])
        refused = start(rolefit, endpoint, nobody, "--from", f"s3://{BUCKET}", "--store", f"{home}/refused.db")
        check(refused.returncode == 2 and '"Action": "s3:ListBucket"' in refused.stderr, "the missing right is named",
              refused.stderr)
    print("bucket: all checks passed")


def one_role(rolefit, endpoint, user, home):
    """A role alone comes from the bucket as from the folder; then the rest of it."""
    role = "orders-prod-PlaceOrderFunctionRole-J83MD0PQ5T6Y"
    store, folder = f"{home}/role.db", f"{home}/role-folder.db"
    bucket = ("--from", f"s3://{BUCKET}", "--store", store)
    read = run(rolefit, endpoint, user, *bucket, "--role", role)
    check(read["roles"] == 1 and read["only_roles"] == [role], "one role is read", read)
    run(rolefit, endpoint, user, "--from", str(FOLDER / "AWSLogs"), "--store", folder, "--role", role)
    check(export(rolefit, store) == export(rolefit, folder), "one role of bucket and folder give one store", "")
    again = run(rolefit, endpoint, user, *bucket, "--role", role)
    check(again["new_objects"] == 0, "nothing is read twice for a role", again)
    rest = run(rolefit, endpoint, user, *bucket)
    check(rest["new_objects"] > 0 and rest["only_roles"] is None, "others are read later", rest)
    check(export(rolefit, store) == export(rolefit, f"{home}/usage.db"), "which gives the whole", "")


def trails(rolefit, endpoint, aws, home):
    """What the server's trails were told to record comes into the store."""
    cloudtrail = aws.client("cloudtrail")
    made = cloudtrail.create_trail(Name="audit", S3BucketName=BUCKET, IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="audit")
    selectors = [
        {"Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"Name": "objects", "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::orders-prod-documents"]}]},
    ]
    cloudtrail.put_event_selectors(TrailName="audit", AdvancedEventSelectors=selectors)
    user = aws.user("auditor", [allow(
        ["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"], "*")])
    store = f"{home}/trails.db"
    run(rolefit, endpoint, user, "--from", "trails", "--store", store)
    known = json.loads(subprocess.run([rolefit, "observe", "export", "--store", store], check=True,
                                      capture_output=True, text=True).stdout)["trails"]
    check(len(known) == 1 and known[0]["TrailARN"] == made["TrailARN"], "the trail is known", known)
    check(known[0]["IsLogging"] is True, "it is on", known)
    check(known[0]["AdvancedEventSelectors"] == selectors, "its selectors are those that were put", known)


@contextlib.contextmanager
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR",
        "LAMBDA_EXECUTOR": "local",
    }
    process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Aws:
    """The server, asked by its owner."""

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="eu-west-1", aws_access_key_id="test",
            aws_secret_access_key="test",
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}))

    def fill(self):
        """Puts the demo's trail into the bucket; gives the keys."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        keys = []
        for path in sorted((FOLDER / "AWSLogs").rglob("*.json.gz")):
            key = str(path.relative_to(FOLDER))
            s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
            keys.append(key)
        return keys

    def user(self, name, statements):
        """A user with these permissions; gives the access key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            document = {"Version": "2012-10-17", "Statement": statements}
            iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(document))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]


def allow(action, resource):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def start(rolefit, endpoint, key, *arguments):
    environment = os.environ | {
        "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1], "SOURCE_DATE_EPOCH": NOW,
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return subprocess.run([rolefit, "observe", "--format", "json", *arguments], env=environment, capture_output=True,
                          text=True)


def run(rolefit, endpoint, key, *arguments):
    done = start(rolefit, endpoint, key, *arguments)
    if not done.stdout:
        sys.exit(f"bucket: {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def export(rolefit, store):
    """What a store holds, without the spans that were read, which name the source."""
    done = subprocess.run([rolefit, "observe", "export", "--store", store], check=True, capture_output=True, text=True)
    content = json.loads(done.stdout)
    del content["windows"]
    return content


def check(holds, what, said):
    if not holds:
        sys.exit(f"bucket: not so: {what}: {said}")


main(*sys.argv[1:])
