#!/usr/bin/env python3
"""Writes the CloudTrail objects beside this file: what account 111122223333 recorded on 2026-11-04 to 2026-11-17.

The trail records management events and the data events of DynamoDB, S3 and SQS. Same output on every run.
Everything in it is invented; the shapes are those of real records.
"""

import gzip
import json
import random
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
ACCOUNT, REGION, STAGE = "111122223333", "eu-west-1", "prod"
DAYS = [datetime(2026, 11, day) for day in range(4, 18)]
RNG = random.Random(20261104)

TABLE = f"orders-{STAGE}"
DOCUMENTS = f"orders-{STAGE}-documents-{ACCOUNT}"
AUDIT = f"orders-{STAGE}-audit-{ACCOUNT}"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c10"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:WebhookSecret-9fQ2rTzLwB1k-Xy3Za7"
PARAMETER = f"/orders/{STAGE}/invoice-sender"
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}/stream/2026-10-02T09:14:33.512"
RUST_SDK = "aws-sdk-rust/1.13.0 os/linux lang/rust/1.95.0"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"

ROLES = {  # function → role, as CloudFormation named it, and the role's unique id
    "api": (f"orders-{STAGE}-ApiFunctionRole-4K2VQ7N1XW0B", "AROAQAAAAAAAAAAAAAAPI"),
    "place-order": (f"orders-{STAGE}-PlaceOrderFunctionRole-J83MD0PQ5T6Y", "AROAQAAAAAAAAAAAAPLAC"),
    "payments": (f"orders-{STAGE}-BackofficeRole-XE19GH7KR2LC", "AROAQAAAAAAAAAAAABACK"),
    "ship-worker": (f"orders-{STAGE}-ShipWorkerFunctionRole-5ZB0NWY4SA8U", "AROAQAAAAAAAAAAAASHIP"),
    "stream-audit": (f"orders-{STAGE}-StreamAuditFunctionRole-P6CF9TV3IO1D", "AROAQAAAAAAAAAAAAUDIT"),
    "nightly-report": (f"orders-{STAGE}-BackofficeRole-XE19GH7KR2LC", "AROAQAAAAAAAAAAAABACK"),
}


ACCESS_KEYS = {}  # one for each role session and day


def access_key(*session):
    fresh = "ASIA" + "".join(RNG.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
    return ACCESS_KEYS.setdefault(session, fresh)


def new_id():
    return str(uuid.UUID(int=RNG.getrandbits(128), version=4))


def role_session(role, role_id, session, at):
    return {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": access_key(role_id, session, at.date()),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                "accountId": ACCOUNT,
                "userName": role,
            },
            "attributes": {"creationDate": stamp(at.replace(hour=0, minute=0, second=0)), "mfaAuthenticated": "false"},
        },
    }


def by_function(name, at, scope=True, invoked_by=None):
    """The identity of code that runs in function `name`."""
    deployed = f"orders-{STAGE}-{name}"
    identity = role_session(*ROLES[name], deployed, at)
    if scope:
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{deployed}"
        identity["inScopeOf"] = {
            "issuerType": "AWS::Lambda::Function",
            "credentialsIssuedTo": arn,
            "credentialsIssuedToVersion": f"{arn}:$LATEST",
        }
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def record(at, identity, service, name, parameters, resources=None, data=False, read_only=False, agent=RUST_SDK, **more):
    written = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": stamp(at),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "203.0.113.24",
        "userAgent": agent,
        "requestParameters": parameters,
        "responseElements": None,
        "requestID": new_id(),
        "eventID": new_id(),
        "readOnly": read_only,
    }
    if resources:
        written["resources"] = resources
    written |= {
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Data" if data else "Management",
    }
    return written | more


def dynamodb(at, who, name, read_only=False, **parameters):
    resource = {"accountId": ACCOUNT, "type": "AWS::DynamoDB::Table",
                "ARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"}
    more = {key: parameters.pop(key) for key in ("errorCode", "errorMessage") if key in parameters}
    return record(at, who, "dynamodb", name, {"tableName": TABLE} | parameters, [resource], True, read_only,
                  apiVersion="2012-08-10", **more)


def s3(at, who, name, bucket, key, read_only, agent=RUST_SDK):
    resources = [
        {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
        {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
    ]
    parameters = {"bucketName": bucket, "Host": f"{bucket}.s3.{REGION}.amazonaws.com", "key": key}
    return record(at, who, "s3", name, parameters, resources, True, read_only, f"[{agent}]")


def sqs(at, who, name, queue, agent=RUST_SDK, **parameters):
    queue = f"orders-{STAGE}-{queue}"
    resource = {"accountId": ACCOUNT, "type": "AWS::SQS::Queue", "ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}
    url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"
    return record(at, who, "sqs", name, {"queueUrl": url} | parameters, [resource], True, False, agent)


def cold_start(at, name, first_ever=False):
    """What Lambda itself does when it starts a new environment of a function."""
    role, _ = ROLES[name]
    deployed = f"orders-{STAGE}-{name}"
    yield record(
        at, {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}, "sts", "AssumeRole",
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "roleSessionName": deployed},
        [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": f"arn:aws:iam::{ACCOUNT}:role/{role}"}],
        agent="lambda.amazonaws.com", read_only=True, sharedEventID=new_id(), sourceIPAddress="lambda.amazonaws.com")
    group = {"logGroupName": f"/aws/lambda/{deployed}"}
    worker = "awslambda-worker/1.0 rusoto/0.48.0 rust/1.79.0 linux"
    if first_ever:
        yield record(at, by_function(name, at, scope=False), "logs", "CreateLogGroup", group, agent=worker)
    stream = at.strftime("%Y/%m/%d") + "/[$LATEST]" + f"{RNG.getrandbits(128):032x}"
    yield record(at + timedelta(seconds=1), by_function(name, at, scope=False), "logs", "CreateLogStream",
                 group | {"logStreamName": stream}, agent=worker)
    if name == "payments":
        who = by_function(name, at)
        parameter = {"accountId": ACCOUNT, "ARN": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}"}
        yield record(at + timedelta(seconds=1), who, "ssm", "GetParameter", {"name": PARAMETER}, [parameter],
                     read_only=True)
        yield record(at + timedelta(seconds=1), who, "secretsmanager", "GetSecretValue", {"secretId": SECRET},
                     read_only=True)


def one_order(at, day):
    """An order from the basket to the parcel."""
    order = new_id()
    later = lambda seconds: at + timedelta(seconds=seconds)
    hidden_key = {"id": HIDDEN}
    yield dynamodb(at, by_function("place-order", at), "PutItem", key=hidden_key,
                   conditionExpression="attribute_not_exists(id)")
    yield from changed(later(2), order)

    yield dynamodb(later(90), by_function("payments", at), "UpdateItem", key=hidden_key)
    yield s3(later(91), by_function("payments", at), "PutObject", DOCUMENTS, f"invoices/{order}.txt", False)
    yield sqs(later(92), by_function("payments", at), "SendMessage", "ship", messageBody=HIDDEN)
    yield from changed(later(93), order)

    poller = by_function("ship-worker", at, scope=False)
    yield sqs(later(94), poller, "ReceiveMessage", "ship", "AWS Internal", maxNumberOfMessages=10, waitTimeSeconds=20)
    worker = by_function("ship-worker", at)
    label = f"labels/{order}.pdf"
    yield s3(later(95), worker, "GetObject", DOCUMENTS, label, True)
    if day < 3:  # the release of 2026-11-07 does not read tags any more
        yield s3(later(95), worker, "GetObjectTagging", DOCUMENTS, label, True)
    yield dynamodb(later(96), worker, "UpdateItem", key=hidden_key)
    yield sqs(later(96), worker, "SendMessage", "notify", messageBody=HIDDEN)
    yield sqs(later(97), poller, "DeleteMessage", "ship", "AWS Internal", receiptHandle=HIDDEN)
    yield from changed(later(98), order)

    yield dynamodb(later(3_000), by_function("api", at), "GetItem", True, key=hidden_key)
    if RNG.random() < 0.3:  # through a presigned link: the browser calls with the function's credentials
        yield s3(later(3_100), by_function("api", at), "GetObject", DOCUMENTS, f"invoices/{order}.txt", True,
                 "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")


def changed(at, order):
    """The stream brings a change of the table to the audit bucket, whose key S3 uses in the function's name."""
    poller = by_function("stream-audit", at, scope=False)
    stream = {"accountId": ACCOUNT, "type": "AWS::DynamoDB::Stream", "ARN": STREAM}
    yield record(at, poller, "dynamodb", "GetRecords", {"shardIterator": HIDDEN, "limit": 100}, [stream], True, True,
                 "AWS Internal", apiVersion="2012-08-10")
    key = at.strftime("changes/%Y/%m/%d/") + f"{RNG.getrandbits(128):032x}.json"
    yield s3(at, by_function("stream-audit", at), "PutObject", AUDIT, key, False)
    yield record(at, by_function("stream-audit", at, invoked_by="AWS Internal"), "kms", "GenerateDataKey",
                 {"keyId": KEY, "keySpec": "AES_256", "encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{AUDIT}/{key}"}},
                 [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY}], read_only=True, agent="AWS Internal",
                 sourceIPAddress="AWS Internal")


def nightly_report(at, day):
    """Recorded without `inScopeOf` on the first two days: the session's name tells the function."""
    who = by_function("nightly-report", at, scope=day >= 2)
    yield dynamodb(at, who, "Query", True, indexName="by-status", keyConditionExpression="#status = :status")
    yield s3(at + timedelta(seconds=1), who, "PutObject", DOCUMENTS, at.strftime("reports/%Y-%m-%d.csv"), False)


def refused_query(at):
    who = by_function("api", at)
    index = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}/index/by-customer"
    yield dynamodb(at, who, "Query", True, indexName="by-customer", errorCode="AccessDenied",
                   errorMessage=f"User: {who['arn']} is not authorized to perform: dynamodb:Query on resource: {index} "
                                "because no identity-based policy allows the dynamodb:Query action")


def people(at, day):
    """Others in the account, who must not count: a release, and a person whose session is called like a function."""
    if day == 3:
        deployer = {"type": "IAMUser", "principalId": "AIDAQAAAAAAAAAAAPIPE", "accountId": ACCOUNT,
                    "arn": f"arn:aws:iam::{ACCOUNT}:user/pipeline", "userName": "pipeline"}
        for name in ROLES:
            yield record(at, deployer, "lambda", "UpdateFunctionCode20150331v2",
                         {"functionName": f"orders-{STAGE}-{name}"}, agent="aws-sdk-go-v2/1.39.0")
    if day == 9:
        person = role_session("Administrator", "AROAQAAAAAAAAAAAADMIN", f"orders-{STAGE}-api", at)
        yield dynamodb(at, person, "Scan", True)
        yield record(at, person, "dynamodb", "DescribeTable", {"tableName": TABLE}, read_only=True)


def events_of(day, midnight):
    yield from nightly_report(midnight + timedelta(hours=2, minutes=15), day)
    for name in ROLES:
        start = midnight + timedelta(hours=2 if name == "nightly-report" else RNG.randint(6, 8), minutes=14)
        needs_group = day == 0 and name not in ("api", "place-order")  # these two have theirs from the stack
        yield from cold_start(start, name, needs_group)
    for _ in range(RNG.randint(2, 4)):
        yield from one_order(midnight + timedelta(hours=RNG.randint(9, 22), seconds=RNG.randint(0, 3_599)), day)
    noon = midnight + timedelta(hours=12, minutes=RNG.randint(0, 59))
    yield dynamodb(noon, by_function("api", noon), "UpdateItem", key={"id": HIDDEN})
    if day in (3, 8, 12):
        yield from refused_query(noon + timedelta(minutes=7))
    yield from people(noon + timedelta(hours=2), day)


def write(kind, delivered, content):
    folder = HERE / "AWSLogs" / ACCOUNT / kind / REGION / delivered.strftime("%Y/%m/%d")
    folder.mkdir(parents=True, exist_ok=True)
    tail = "".join(RNG.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=16))
    name = f"{ACCOUNT}_{kind}_{REGION}_{delivered:%Y%m%dT%H%MZ}_{tail}.json.gz"
    text = json.dumps(content, separators=(",", ":")).encode()
    with open(folder / name, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text)


def main():
    shutil.rmtree(HERE / "AWSLogs", ignore_errors=True)
    for day, midnight in enumerate(DAYS):
        objects = {}  # delivery time → records; CloudTrail delivers within minutes, so the last ones land a day later
        for event in sorted(events_of(day, midnight), key=lambda event: event["eventTime"]):
            at = datetime.strptime(event["eventTime"], "%Y-%m-%dT%H:%M:%SZ")
            delivered = (at + timedelta(minutes=5)).replace(minute=0, second=0) + timedelta(hours=6 - (at.hour % 6), minutes=5)
            objects.setdefault(delivered, []).append(event)
        for delivered, records in objects.items():
            write("CloudTrail", delivered, {"Records": records})
            if day == 5:  # delivered twice
                write("CloudTrail", delivered + timedelta(minutes=5), {"Records": records})
    end = DAYS[-1] + timedelta(days=1)
    write("CloudTrail-Digest", end, {
        "awsAccountId": ACCOUNT, "digestStartTime": stamp(end - timedelta(hours=1)), "digestEndTime": stamp(end),
        "digestS3Bucket": f"trail-{ACCOUNT}", "logFiles": [], "oldestEventTime": None, "newestEventTime": None,
    })


if __name__ == "__main__":
    main()
