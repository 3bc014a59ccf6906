"""
Answer the one question that a plan puts to AWS: whose account is this?

Serves sts:GetCallerIdentity on the loopback, and knows nothing else.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "111122223333"


class AccountAnswerer(BaseHTTPRequestHandler):
    """Answer sts:GetCallerIdentity, whatever was asked."""

    def do_POST(self) -> None:
        """Answer."""
        body = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/plan</Arn>"
            f"<UserId>AIDAPLAN</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
            "<ResponseMetadata><RequestId>plan</RequestId></ResponseMetadata>"
            "</GetCallerIdentityResponse>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep quiet."""


@contextmanager
def account_answerer() -> Iterator[str]:
    """Serve :class:`AccountAnswerer` on a free loopback port; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), AccountAnswerer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
