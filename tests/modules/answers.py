"""
Answer the few questions that a plan puts to AWS, on the loopback.

Whose account is this (sts:GetCallerIdentity), and which tables are there, as what
(dynamodb:ListTables, DescribeTable and what the provider reads with it): those that a test names.
Any definition of a state machine is valid (states:ValidateStateMachineDefinition).
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCOUNT = "111122223333"
IDENTITY = f"""
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::{ACCOUNT}:user/plan</Arn>
    <UserId>AIDAPLAN</UserId>
    <Account>{ACCOUNT}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>plan</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>
""".strip()


class Answerer(BaseHTTPRequestHandler):
    """Answer one request; *tables* are DescribeTable's objects by name."""

    def __init__(self, tables: Mapping[str, dict[str, Any]], *args: Any) -> None:
        """Remember the tables; the base answers from its constructor."""
        self.tables = tables
        super().__init__(*args)

    def do_POST(self) -> None:
        """Answer; a question that is not known is an error in the plan, not a wait."""
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not action:
            self.reply(200, "text/xml", IDENTITY)
        elif (answer := self.answer(action, json.loads(asked))) is not None:
            self.reply(200, "application/x-amz-json-1.0", json.dumps(answer))
        else:
            refusal = {"__type": "ValidationException", "message": f"a plan asked {action}"}
            self.reply(400, "application/x-amz-json-1.0", json.dumps(refusal))

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to *action*, or None."""
        answers: dict[str, dict[str, Any]] = {
            "ListTables": {"TableNames": sorted(self.tables)},
            "DescribeContinuousBackups": {
                "ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}
            },
            "DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
            "ListTagsOfResource": {"Tags": []},
            "ValidateStateMachineDefinition": {"result": "OK", "diagnostics": []},
        }
        if action == "DescribeTable" and asked["TableName"] in self.tables:
            return {"Table": self.tables[asked["TableName"]]}
        return answers.get(action)

    def reply(self, status: int, content_type: str, body: str) -> None:
        """Send the whole answer."""
        encoded = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep quiet."""


@contextmanager
def answers(tables: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Serve :class:`Answerer` on a free loopback port; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answerer, tables)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
