"""
Where a password comes from: a file, a secret, a token; never shown, never kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from expiry import clients
from expiry.errors import DeniedError, LoginError, MismatchError, NotFoundError
from expiry.postgres.connection import Server
from expiry.postgres.credentials import FileCredentials, IamCredentials, SecretCredentials

if TYPE_CHECKING:
    from pathlib import Path

SERVER = Server("db.example", 5432, "app", "cleaner")
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"
PASSWORD = "s3cr3t"  # noqa: S105 - a test's own
RDS_FORM = {"engine": "postgres", "username": "cleaner", "password": PASSWORD}


class Vault:
    """Secrets Manager with one secret, which can change."""

    def __init__(self, text: str | ClientError) -> None:
        self.text = text
        self.asked: list[str] = []

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.asked.append(SecretId)
        if isinstance(self.text, ClientError):
            raise self.text
        return {"SecretString": self.text}


def secret(text: str | ClientError | dict[str, Any]) -> SecretCredentials:
    """Make credentials from what the secret holds."""
    held = json.dumps(text) if isinstance(text, dict) else text
    return SecretCredentials(Vault(held), ARN)  # type: ignore[arg-type] # a double


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"host": "db.example", "port": 5432, "dbname": "app"},
        {"port": "5432"},
        {"host": "", "dbname": None, "dbInstanceIdentifier": "db-1"},
    ],
)
def test_secret_in_the_form_of_rds_gives_its_password(more: dict[str, Any]) -> None:
    """Host, port and database are optional; where they are, they must be the settings'."""
    assert secret(RDS_FORM | more).password(SERVER) == PASSWORD


def test_secret_is_asked_again_for_each_connection() -> None:
    """A rotation reaches the next connection of the same run."""
    vault = Vault(json.dumps(RDS_FORM))
    credentials = SecretCredentials(vault, ARN)  # type: ignore[arg-type] # a double

    assert credentials.password(SERVER) == PASSWORD
    vault.text = json.dumps(RDS_FORM | {"password": "rotated"})
    assert credentials.password(SERVER) == "rotated"
    assert vault.asked == [ARN, ARN]


@pytest.mark.parametrize(
    ("field", "value", "variable"),
    [
        ("username", "admin", "PG_DB_USER"),
        ("host", "other.example", "PG_DB_HOST"),
        ("port", 5433, "PG_DB_PORT"),
        ("dbname", "other", "PG_DB_NAME"),
    ],
)
def test_secret_for_another_server_is_refused(field: str, value: Any, variable: str) -> None:
    """A password is sent only to the server and user that it is for."""
    with pytest.raises(MismatchError, match=variable) as raised:
        secret(RDS_FORM | {field: value}).password(SERVER)

    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", PASSWORD, "[]", "{}", '{"password": ""}', '{"password": 5}', '{"password": null}']
)
def test_secret_in_another_form_is_refused_and_not_shown(text: str) -> None:
    """A bare password is not RDS's form; the message says which one is, and not the secret."""
    with pytest.raises(LoginError, match="not in RDS's form") as raised:
        secret(text).password(SERVER)

    assert PASSWORD not in str(raised.value)
    assert ARN in str(raised.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDeniedException", DeniedError), ("ResourceNotFoundException", NotFoundError)],
)
def test_secret_that_is_not_given_says_what_to_change(code: str, kind: type[Exception]) -> None:
    """A role without the action, or a wrong ARN, is named as such."""
    error = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")

    with pytest.raises(kind, match="secretsmanager:GetSecretValue"):
        secret(error).password(SERVER)


def test_file_gives_its_first_line(tmp_path: Path) -> None:
    """With or without an end of line; what follows is the file's own affair."""
    path = tmp_path / "password"
    for text in (PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\n# the old one: x\n"):
        path.write_text(text)
        assert FileCredentials(path).password(SERVER) == PASSWORD
    path.write_text(" with spaces \n")
    assert FileCredentials(path).password(SERVER) == " with spaces "


def test_file_is_read_for_each_connection(tmp_path: Path) -> None:
    """A rotation reaches the next connection."""
    path = tmp_path / "password"
    credentials = FileCredentials(path)
    path.write_text("old")
    first = credentials.password(SERVER)
    path.write_text("new")

    assert (first, credentials.password(SERVER)) == ("old", "new")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 5_000])
def test_file_without_a_password_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, binary or far too long: one error, which names the file and not its text."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(LoginError, match=f"no password in {path}") as raised:
        FileCredentials(path).password(SERVER)

    assert "xxx" not in str(raised.value)


def test_iam_token_is_what_the_sdk_signs() -> None:
    """The same token as boto3's own, without loading its model of RDS."""
    client = boto3.client(
        "rds",
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="k",  # noqa: S106 - an example
        aws_session_token="session/+=",  # noqa: S106 - likewise
    )
    signing = Credentials("AKIDEXAMPLE", "k", "session/+=")
    server = Server("db.example", 6432, "app", "cleaner+ü")

    def by_sdk() -> str:
        return str(client.generate_db_auth_token("db.example", 6432, "cleaner+ü", "eu-west-1"))

    before, ours, after = by_sdk(), IamCredentials(signing, "eu-west-1").password(server), by_sdk()
    assert ours in {before, after}


def test_iam_token_names_user_and_server_and_ends_soon() -> None:
    """It is good for one user on one server, for RDS's longest: 15 minutes."""
    credentials = IamCredentials(Credentials("AKIDEXAMPLE", "k"), "eu-west-1")
    token = urlsplit(f"https://{credentials.password(SERVER)}")
    query = parse_qs(token.query)

    assert token.netloc == "db.example:5432"
    assert query["DBUser"] == ["cleaner"]
    assert query["Action"] == ["connect"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/rds-db/aws4_request")


def test_signing_credentials_that_are_missing_say_what_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a role there is no token."""
    monkeypatch.setattr(boto3.Session, "get_credentials", lambda _self: None)

    with pytest.raises(DeniedError, match="give a role"):
        clients.signing_credentials()


def test_server_written_for_people_holds_no_password() -> None:
    """What messages show of a server is where it is, and as whom."""
    assert str(SERVER) == "cleaner@db.example:5432/app"
