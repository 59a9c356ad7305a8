"""Scenarios of the demo, `docs/demo/orders`."""

import hashlib
import hmac
import json
import urllib.request

from . import Scenario, http

LINES = [{"article": "beans", "quantity": 2, "unit_price_cents": 990}]


def an_order(status):
    """Lays an order of that status ready."""

    def put(clients, names):
        item = {
            "id": {"S": "order-1"},
            "customer": {"S": "carla"},
            "status": {"S": status},
            "placed_at": {"S": "2026-11-01T08:00:00Z"},
            "lines": {"L": [{"M": {"article": {"S": "beans"}, "quantity": {"N": "2"}, "unit_price_cents": {"N": "990"}}}]},
        }
        clients("dynamodb").put_item(TableName=names["OrdersTable"], Item=item)

    return put


def for_the_api(clients, names):
    an_order("placed")(clients, names)
    clients("s3").put_object(Bucket=names["DocumentsBucket"], Key="invoices/order-1.txt", Body=b"19.80")


def the_api(clients, names):
    return [
        http("GET", "/orders/order-1"),
        http("GET", "/customers/carla/orders"),
        http("POST", "/orders/order-1/cancel"),
        http("GET", "/orders/order-1/invoice"),
    ]


def answered(answers):
    order, orders, cancelled, invoice = answers
    return (
        order["statusCode"] == 200
        and len(json.loads(orders["body"] or "[]")) == 1
        and cancelled["statusCode"] == 200
        and fetched(invoice["headers"].get("location")) == b"19.80"
    )


def fetched(link):
    """What a link gives, or nothing when it is refused."""
    try:
        with urllib.request.urlopen(link) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        return None


def a_payment(clients, names):
    secret = clients("secretsmanager").get_secret_value(SecretId=names["WebhookSecret"])["SecretString"]
    body = json.dumps({"order_id": "order-1"})
    signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return [http("POST", "/payments", body, {"x-signature": signature})]


def for_shipping(clients, names):
    an_order("paid")(clients, names)
    clients("s3").put_object(Bucket=names["DocumentsBucket"], Key="labels/order-1.pdf", Body=b"%PDF")


def a_message(clients, names):
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": json.dumps({"order_id": "order-1"}),
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders-prod-ship",
        "awsRegion": "us-east-1",
    }
    return [{"Records": [record]}]


def a_change(clients, names):
    record = {
        "eventID": "change-1",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders-prod/stream/1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795305600,
            "Keys": {"id": {"S": "order-1"}},
            "NewImage": {"id": {"S": "order-1"}},
            "SequenceNumber": "1",
            "SizeBytes": 1,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    return [{"Records": [record]}]


def a_night(clients, names):
    return [{
        "version": "0",
        "id": "e-1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-11-22T02:15:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }]


SCENARIOS = {
    "ApiFunction": Scenario(the_api, answered, for_the_api),
    "PlaceOrderFunction": Scenario(
        lambda clients, names: [http("POST", "/orders", json.dumps({"customer": "carla", "lines": LINES}))],
        lambda answers: answers[0].get("statusCode") == 201,
    ),
    "PaymentsFunction": Scenario(a_payment, lambda answers: answers[0].get("body") == "paid", an_order("placed")),
    "ShipWorkerFunction": Scenario(
        a_message, lambda answers: answers[0].get("batchItemFailures") == [], for_shipping
    ),
    "StreamAuditFunction": Scenario(a_change, lambda answers: answers[0] is None),
    "NightlyReportFunction": Scenario(a_night, lambda answers: answers[0] is None, an_order("paid")),
}
