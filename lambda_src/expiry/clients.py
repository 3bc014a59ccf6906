"""
Make AWS clients with the retries, timeouts and connections that a run needs.

Makes no call: the service's address comes from boto3's own rules (``AWS_ENDPOINT_URL`` included).
boto3 is imported with the module, because Lambda gives an import at start more CPU than later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from expiry.errors import DeniedError
from expiry.listing import read_fast
from expiry.plain_rows import take_plainly

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

ATTEMPTS = 6
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 15  # a page of 1 MB under load takes seconds, a dead connection never ends


def dynamodb(*, threads: int) -> DynamoDBClient:
    """Make a client that *threads* threads may use at once."""
    return take_plainly(boto3.client("dynamodb", config=_config(threads)))


def s3(*, threads: int = 1) -> S3Client:
    """Make a client that *threads* threads may use at once."""
    return boto3.client("s3", config=_config(threads))


def s3_listing(*, threads: int = 1) -> S3Client:
    """Make a client for long listings, which would take boto3's own parser most of the run."""
    return read_fast(s3(threads=threads))


def secretsmanager() -> SecretsManagerClient:
    """Make a client that reads the password of a database."""
    return boto3.client("secretsmanager", config=_config(threads=1))


def signing_credentials() -> Credentials:
    """
    Return what the role signs with, for a token that no call makes.

    Raises:
        DeniedError: There is none: no role, no profile, no keys.
    """
    found = boto3.Session().get_credentials()
    if found is None:
        raise DeniedError(
            "rds-db:connect", "the database's user", "no AWS credentials; give a role"
        )
    return found


def sqs(*, threads: int = 1) -> SQSClient:
    """Make a client that *threads* threads may use at once."""
    return boto3.client("sqs", config=_config(threads))


def _config(threads: int) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
        max_pool_connections=threads,
    )
