"""
A delete with an ETag also needs the right to read the object.

AWS: s3:GetObject beside s3:DeleteObject, or AccessDenied: the answer tells something of the object.
1.5.33: s3:DeleteObject is enough. Upstream needs: the second check.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator
from tests.cloud.corrections.s3_if_match_key import listed


def apply() -> None:
    """Add the check to those that a request needs beside its first."""
    emulator.wrap(emulator.module("core.iam_actions"), "s3_additional_checks", adding)


def adding(needed: Any) -> Any:
    """Return *needed* that asks for s3:GetObject on each object with a condition."""

    def checks(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        found = list(needed(method, path, headers, body, query))
        arns: list[str] = []
        if method == "DELETE" and headers.get("if-match") and "/" in path.strip("/"):
            arns = [f"arn:aws:s3:::{path.lstrip('/')}"]
        elif method == "POST" and "delete" in query:
            arns = list(listed(path.strip("/"), body or b""))
        return found + [("s3:GetObject", arn) for arn in arns]

    return checks
