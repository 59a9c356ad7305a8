"""Runs the emulator with enforcement on and writes each of its decisions to a file, one JSON object a line.

Usage: emulator.py PORT DECISIONS
"""

import json
import os
import sys

port, decisions = sys.argv[1:]
sys.argv[1:] = []
os.environ.update(
    AUTH="true",
    BIND_HOST="127.0.0.1",
    GATEWAY_PORT=port,
    # A host that is an address makes SDKs write buckets into the path, so no name has to be looked up.
    AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    LAMBDA_EXECUTOR="local",
    LOG_LEVEL="WARNING",
)

from ministack.core import iam_evaluator  # noqa: E402  (reads the environment when it is imported)

decide = iam_evaluator.enforce


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """The emulator's own decision, noted."""
    denied = decide(access_key_id, iam_action, service, region, resource_arn, service_context)
    note = {"principal": iam_evaluator.caller_arn(), "action": iam_action, "resource": resource_arn,
            "allowed": denied is None}
    with open(decisions, "a", encoding="utf-8") as file:
        file.write(json.dumps(note) + "\n")
    return denied


iam_evaluator.enforce = enforce

from ministack.app import main  # noqa: E402

main()
