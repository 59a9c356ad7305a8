"""Scenarios of the functions in `functions`."""

from . import Scenario


def drafts(clients, names):
    for number in range(2):
        clients("s3").put_object(Bucket=names["DraftsBucket"], Key=f"drafts/{number}.txt", Body=b"draft")


def stock(clients, names):
    dynamodb = clients("dynamodb")
    for article, shelf, count in [("nails", "A1", "3"), ("screws", "A1", "7"), ("bolts", "C3", "1")]:
        item = {"article": {"S": article}, "shelf": {"S": shelf}, "count": {"N": count}}
        dynamodb.put_item(TableName=names["StockTable"], Item=item)
    dynamodb.put_item(TableName=names["MovesTable"], Item={"id": {"S": "move-0"}})


def a_message(clients, names):
    sqs = clients("sqs")
    sqs.purge_queue(QueueUrl=names["Inbox"])
    sqs.send_message(QueueUrl=names["Inbox"], MessageBody="pallet")


def event(payload):
    return lambda clients, names: [payload]


def gives(wanted):
    return lambda answers: answers == [wanted]


SCENARIOS = {
    "ArchiveReportsFunction": Scenario(event({}), gives({"moved": 2, "bytes": 25}), drafts),
    "UploadScanFunction": Scenario(event({"page": "a page", "old": ["a", "b"]}), gives({"size": 6})),
    "FindStockFunction": Scenario(
        event({"article": "nails"}), gives({"on_shelf": 2, "scarce": 3, "found": True}), stock
    ),
    "TransferStockFunction": Scenario(event({}), gives({"read": 1}), stock),
    "LoadStockFunction": Scenario(event({"articles": ["bolts", "nuts"]}), gives({"tables": 2}), stock),
    "AskStockFunction": Scenario(event({}), gives({"found": 1}), stock),
    "RelayMessagesFunction": Scenario(event({}), gives({"relayed": 1}), a_message),
    "SendBatchFunction": Scenario(event({}), gives({"sent": 2})),
    "AnnounceFunction": Scenario(event({"parcel": 1}), gives({"failed": 0})),
    "PublishBatchFunction": Scenario(event({}), gives({"sent": 2})),
    "ListCarriersFunction": Scenario(event({}), gives({"carriers": 1})),
    "ReadSettingsFunction": Scenario(event({}), gives({"both": 2})),
    "RotateTokenFunction": Scenario(
        event("new"),
        lambda answers: answers[0].get("length") == "32",
    ),
    "SealLetterFunction": Scenario(event({"dear": "Ann"}), gives({"data_key": True, "same": True})),
    "StartDeliveryFunction": Scenario(
        event({"parcel": 1}),
        lambda answers: answers[0].get("sealed") == 200 and answers[0].get("error") is None,
    ),
}
