"""A server that does not prove that it knows the password is not believed."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from scramp import ScramMechanism  # type: ignore[import-untyped]

from expiry.errors import LoginError
from expiry.postgres.wire import Wire

PASSWORD = "pencil"  # noqa: S105 - RFC 7677's own
SASL, CONTINUE, FINAL = 10, 11, 12


class Login:
    """A connection whose server says what the test says."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.wire: Any = Wire.__new__(Wire)
        self.wire.user, self.wire.password = b"user", PASSWORD.encode()
        self.wire._usock, self.wire._sock = None, io.BytesIO()  # noqa: SLF001 - pg8000's

    def says(self, kind: int, text: str) -> None:
        """Let the server send one message of the login."""
        self.wire.handle_AUTHENTICATION_REQUEST(kind.to_bytes(4, "big") + text.encode(), None)

    @property
    def sent(self) -> str:
        """Return the client's last message but its head."""
        text: str = self.wire._sock.getvalue().decode("latin-1")  # noqa: SLF001 - pg8000's
        return text


def server_for(password: str) -> Any:
    """Return the server's side, which knows *password*."""
    mechanism = ScramMechanism("SCRAM-SHA-256")
    known = mechanism.make_auth_info(password)
    return mechanism.make_server(lambda _: known)


def test_login_server_that_knows_the_password_is_believed() -> None:
    """The whole exchange passes, and the password is not among what is sent."""
    login, server = Login(), server_for(PASSWORD)
    login.says(SASL, "SCRAM-SHA-256\0\0")
    server.set_client_first("n,," + login.sent.partition("n,,")[2])
    login.says(CONTINUE, server.get_server_first())
    server.set_client_final("c=biws," + login.sent.rpartition("c=biws,")[2])  # base64 of n,,
    login.says(FINAL, server.get_server_final())

    assert PASSWORD not in login.sent


def test_login_server_that_does_not_know_the_password_is_refused() -> None:
    """Its proof is of something else: who answers there?"""
    login, server = Login(), server_for(PASSWORD)
    login.says(SASL, "SCRAM-SHA-256\0\0")
    server.set_client_first("n,," + login.sent.partition("n,,")[2])
    login.says(CONTINUE, server.get_server_first())

    with pytest.raises(LoginError, match="login by SCRAM"):
        login.says(FINAL, "v=" + base64.b64encode(b"x" * 32).decode())


def test_login_challenge_for_another_client_is_refused() -> None:
    """A nonce that does not begin with ours answers somebody else."""
    login = Login()
    login.says(SASL, "SCRAM-SHA-256\0\0")

    with pytest.raises(LoginError, match="login by SCRAM"):
        login.says(CONTINUE, "r=other,s=c2FsdA==,i=4096")


def test_login_mechanism_that_is_not_known_is_refused() -> None:
    """One clear error, and nothing is sent."""
    login = Login()

    with pytest.raises(LoginError, match="login by SCRAM"):
        login.says(SASL, "SCRAM-MD4\0\0")
    assert login.sent == ""
