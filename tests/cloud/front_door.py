"""Calls that the cloud makes to itself in a role's name: IAM judges, the recorder sees them."""

from __future__ import annotations

import functools
import os
import threading
from typing import Any

from tests.cloud import emulator


@functools.cache
def session() -> Any:
    """Return botocore's session; it is slow to make, and holds no credentials."""
    import botocore.session  # noqa: PLC0415 - only when something is delivered

    return botocore.session.Session()


_making = threading.Lock()  # a session makes one client at a time


def client(service: str, keys: dict[str, str]) -> Any:
    """Return a client of our own front door, with temporary credentials."""
    with _making:
        return kept(service, emulator.current_scope()[1], **keys)


@functools.lru_cache(maxsize=64)
def kept(service: str, region: str, **keys: str) -> Any:
    """Make a client, once for the same credentials: each new one reads the certificates again."""
    from botocore.config import Config  # noqa: PLC0415 - as above

    return session().create_client(
        service,
        region_name=region,
        endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        verify=f"{os.environ['EXPIRY_CLOUD_FOLDER']}/ca-bundle.pem",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        config=Config(
            proxies={},
            retries={"total_max_attempts": 1},
            inject_host_prefix=False,
            max_pool_connections=50,
        ),
    )
