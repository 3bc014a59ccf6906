"""
ExpectedBucketOwner protects against a bucket of somebody else's.

AWS: a request whose ``x-amz-expected-bucket-owner`` is not the owner's account is AccessDenied.
1.5.33: ignores the header. Upstream needs: the comparison.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Compare in front of the service."""
    emulator.wrap(emulator.module("services.s3"), "handle_request", comparing)


def comparing(handle: Any) -> Any:
    """Return *handle* that knows whose the bucket has to be."""

    async def handle_request(
        method: str, path: str, headers: Any, body: bytes, query: Any, **more: Any
    ) -> Any:
        expected = headers.get("x-amz-expected-bucket-owner")
        if expected:
            s3 = emulator.module("services.s3")
            bucket = path.lstrip("/").partition("/")[0]
            owner = s3._bucket_owner_account(bucket)
            if owner and owner != expected:
                return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}")
        return await handle(method, path, headers, body, query, **more)

    return handle_request
