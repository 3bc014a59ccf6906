"""
Say the password for a new connection: each connection asks again, so that a rotation is no end.

Calls: secretsmanager:GetSecretValue where the password is a secret. An IAM token is signed here,
without a call. Nothing keeps a password, and nothing shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.credentials import Credentials as AwsCredentials
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from expiry.postgres.connection import Server


class Credentials(Protocol):
    """Whatever knows the password of a server's user."""

    def password(self, server: Server) -> str:
        """
        Return what to log in to *server* with, now.

        Raises:
            ExpiryError: There is none to be had; the message says what to change.
        """


class FileCredentials:
    """The first line of a file, as systemd's LoadCredential= gives it."""

    def __init__(self, path: Path) -> None:
        """Take the *path*; it is read for each connection."""
        raise NotImplementedError

    def password(self, server: Server) -> str:
        """Read the file."""
        raise NotImplementedError


class SecretCredentials:
    """A secret in the JSON form of RDS: username and password, and where it has them the server."""

    def __init__(self, client: SecretsManagerClient, arn: str) -> None:
        """Take the client, and the secret's *arn*."""
        raise NotImplementedError

    def password(self, server: Server) -> str:
        """Read the secret, and hold its user, host, port and database against *server*."""
        raise NotImplementedError


class IamCredentials:
    """A token of 15 minutes that the function's role signs; it needs rds-db:connect."""

    def __init__(self, credentials: AwsCredentials, region: str) -> None:
        """Take what signs, and the server's *region*."""
        raise NotImplementedError

    def password(self, server: Server) -> str:
        """Sign a token for *server*."""
        raise NotImplementedError
