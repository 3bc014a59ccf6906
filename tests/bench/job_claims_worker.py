"""
One fresh process that answers events as a function of 128 MB would; prints a JSON object.

    python job_claims_worker.py (FUNCTION|naive|idle) TIMES

boto3's real clients send and parse; only the sockets are missing.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import Any

BEGAN_S = time.process_time()
import boto3  # noqa: E402 - its import is timed, too
from botocore.awsrequest import AWSResponse  # noqa: E402 - comes with it
from botocore.compat import HTTPHeaders  # noqa: E402 - likewise

BOTO3_S = time.process_time() - BEGAN_S

KEY = {"projectUserId": "amelia#scott"}
OWNER = {**KEY, "containerId": "container-1", "fence": 1_800_000_000_001}
EVENTS: dict[str, dict[str, Any]] = {
    "check_active_job": {**KEY, "threadId": "thread-1"},
    "claim_job": {**KEY, "threadId": "thread-1", "messageId": "message-1"},
    "refresh_claim": OWNER,
    "release_claim": OWNER,
    "record_interruption": {
        "messageId": "message-1",
        "interruptedContainer": "container-1",
        "newThreadId": "thread-2",
    },
    "send_interrupt": {
        **KEY,
        "containerId": "container-1",
        "newThreadId": "thread-2",
        "messageId": "message-2",
    },
    "handle_timeout": {
        **OWNER,
        "messageId": "message-1",
        "error": {"Error": "States.HeartbeatTimeout", "Cause": ""},
    },
}
ROW: dict[str, Any] = {
    "projectUserId": {"S": "amelia#scott"},
    "containerId": {"S": "container-1"},
    "threadId": {"S": "thread-1"},
    "messageId": {"S": "message-1"},
    "claimedAt": {"N": "1800000000"},
    "expiresAt": {"N": "1800003600"},
    "fence": {"N": "1800000000001"},
    "ttl": {"N": "1800608400"},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "GetItem": {"Item": ROW},
    "UpdateItem": {"Attributes": ROW},
    "PutItem": {},
    "GetQueueUrl": {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs"},
    "SendMessage": {"MessageId": "message"},
}
ENVIRONMENT = {
    "ACTIVE_JOBS_TABLE": "active-jobs",
    "INTERRUPTIONS_TABLE": "interruptions",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/failed",
    "QUEUE_TEMPLATE": "jobs-{projectId}-{userId}",
    "DEPLOYMENT": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
}
CONTEXT: Any = SimpleNamespace(aws_request_id="bench", function_name="bench")


class Body(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self, **_: Any) -> Any:
        """Yield all of it."""
        yield self.read()


def listen(calls: Counter[str]) -> None:
    """Answer what every client of this process sends."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        action = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        calls[action] += 1
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
        body = {} if kind == "naive" else ANSWERS[action]
        return AWSResponse(request.url, 200, headers, Body(json.dumps(body).encode()))

    boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    session.events.register("before-send", answer)


def act(times: int, calls: Counter[str]) -> dict[str, float]:
    """Import, answer one event, then more of the same; return what each took of CPU, in ms."""
    began_s = time.process_time()
    do: Any
    if kind == "naive":
        from tests.safety.claims_naive import NaiveClaims  # noqa: PLC0415 - it is timed

        naive = NaiveClaims(boto3.client("dynamodb"), "active-jobs")
        do = lambda: naive.claim(KEY["projectUserId"], "container-1")  # noqa: E731 - as short as that
    else:
        from job_claims import handler  # noqa: PLC0415 - its import is what is timed

        function = getattr(handler, kind)
        do = lambda: function(EVENTS[kind], CONTEXT)  # noqa: E731 - as short as that
    imported_s = time.process_time()
    do()
    first_s = time.process_time()
    calls.clear()
    for _ in range(times):
        do()
    return {
        "import_ms": (imported_s - began_s) * 1_000,
        "first_ms": (first_s - imported_s) * 1_000,
        "warm_ms": (time.process_time() - first_s) * 1_000 / times,
    }


def main(times: str) -> None:
    """Run, and print what it took."""
    os.environ.update(ENVIRONMENT)
    calls: Counter[str] = Counter()
    listen(calls)
    found: dict[str, Any] = {"boto3_ms": BOTO3_S * 1_000}
    if kind != "idle":
        with redirect_stdout(io.StringIO()):
            found |= act(int(times), calls)
    unit = 1 if sys.platform == "darwin" else 1_024
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    found["calls"] = {name: count / int(times) for name, count in calls.items()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    kind = sys.argv[1]
    main(sys.argv[2])
