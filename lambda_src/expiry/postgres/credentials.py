"""
Say the password for a new connection: each connection asks again, so that a rotation is no end.

Calls: secretsmanager:GetSecretValue where the password is a secret. An IAM token is signed here,
without a call. Nothing keeps a password, and nothing shows one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from expiry.errors import LoginError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from botocore.credentials import Credentials as AwsCredentials
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from expiry.postgres.connection import Server

TOKEN_S = 900  # of an IAM token: RDS's limit; a session outlives its token
LONGEST_PASSWORD = 4_096  # characters: a file that holds more is another one


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
        self._path = path

    def password(self, server: Server) -> str:
        """
        Read the file.

        Raises:
            LoginError: It cannot be read, is empty, or is no text of a password's length.
        """
        try:
            with self._path.open(encoding="utf-8") as file:
                line = file.readline(LONGEST_PASSWORD + 1).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "no UTF-8 text"
            raise LoginError(f"{server}: no password in {self._path}: {reason}") from None
        if not 0 < len(line) <= LONGEST_PASSWORD:
            text = "its first line is empty, or too long for a password"
            raise LoginError(f"{server}: no password in {self._path}: {text}")
        return line


class SecretCredentials:
    """A secret in the JSON form of RDS: username and password, and where it has them the server."""

    def __init__(self, client: SecretsManagerClient, arn: str) -> None:
        """Take the client, and the secret's *arn*."""
        self._client, self._arn = client, arn

    def password(self, server: Server) -> str:
        """
        Read the secret, and hold its user, host, port and database against *server*.

        Raises:
            StoreError: Secrets Manager does not give it.
            LoginError: It is not in RDS's form.
            MismatchError: It is for another user or server.
        """
        # Only here: the command line runs without boto3.
        from expiry.calls import explained  # noqa: PLC0415

        action, secret = "secretsmanager:GetSecretValue", f"secret {self._arn}"
        with explained(action, secret, setting="PG_SECRET_ARN"):
            text = self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        fields = _object(text)
        password = fields.get("password")
        if not isinstance(password, str) or not password:
            form = 'RDS\'s form, {"username": …, "password": …}'
            raise LoginError(f"{secret} is not in {form}; correct it or PG_SECRET_ARN")
        self._refuse_other(fields, server)
        return password

    def _refuse_other(self, fields: Mapping[str, Any], server: Server) -> None:
        settings = {
            "username": ("PG_DB_USER", server.user),
            "host": ("PG_DB_HOST", server.host),
            "port": ("PG_DB_PORT", str(server.port)),
            "dbname": ("PG_DB_NAME", server.database),
        }
        differing = [
            f"{key} ({name})"
            for key, (name, wanted) in settings.items()
            if fields.get(key) not in {None, ""} and str(fields[key]) != wanted
        ]
        if differing:
            text = f"is for another {', '.join(differing)} than the settings say"
            raise MismatchError(f"secret {self._arn} {text}; correct one of them")


class IamCredentials:
    """A token of 15 minutes that the function's role signs; it needs rds-db:connect."""

    def __init__(self, credentials: AwsCredentials, region: str) -> None:
        """Take what signs, and the server's *region*."""
        self._credentials, self._region = credentials, region

    def password(self, server: Server) -> str:
        """Sign a token for *server*, as rds.generate_db_auth_token does, which loads all of RDS."""
        # Only here: the command line runs without boto3.
        from botocore.auth import SigV4QueryAuth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        query = urlencode({"Action": "connect", "DBUser": server.user})
        request = AWSRequest("GET", f"https://{server.host}:{server.port}/?{query}")
        SigV4QueryAuth(self._credentials, "rds-db", self._region, expires=TOKEN_S).add_auth(request)
        return str(request.url).removeprefix("https://")


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
