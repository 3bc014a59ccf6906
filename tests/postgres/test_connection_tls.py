"""
A password goes to a verified server alone: each way to be another is one error, and sends nothing.
"""

from __future__ import annotations

import socket
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scramp import ScramClient  # type: ignore[import-untyped]

from expiry.errors import ConnectError, LoginError, TlsError
from expiry.postgres.connection import Limits, Server, connect
from expiry.postgres.tls import SSL_REQUEST, Tls
from tests.cloud.certificate import write_certificate
from tests.postgres.sessions import Fake, Passwords, open_session, relay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.database import Database

PASSWORD = "correct horse battery staple"  # noqa: S105 - a test's own
USER = "cleaner"


def target(port: int, **changes: Any) -> Server:
    """Say that a database is at *port*; verified in full unless *changes* say otherwise."""
    return Server(**{"host": "127.0.0.1", "port": port, "database": "d", "user": USER, **changes})


def refusal(server: Server, error: type[ConnectError] = TlsError) -> str:
    """Try to connect, and return the message of the one error."""
    with pytest.raises(error) as raised:
        connect(server, Passwords([PASSWORD]), Limits(connect_timeout_s=5))
    assert type(raised.value) is error
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def everything(connection: socket.socket) -> bytes:
    """Read to the end."""
    received = b""
    while chunk := connection.recv(4096):
        received += chunk
    return received


def plain_text_only(connection: socket.socket) -> bytes:
    """Answer as a server without TLS does."""
    question = connection.recv(8)
    connection.sendall(b"N")
    return question + everything(connection)


def impostor(folder: Path) -> Any:
    """Return what offers TLS by the certificate in *folder*, and reads what is said under it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")

    def answer(connection: socket.socket) -> bytes:
        question = connection.recv(8)
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as encrypted:
            return question + everything(encrypted)

    return answer


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders, each with a certificate for localhost by an authority of its own."""
    folders = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("others")
    for folder in folders:
        write_certificate(folder)
    return folders


def test_connect_server_without_tls_is_refused_and_told_nothing() -> None:
    """Where pg8000 alone would go on in plain text, nothing but the question for TLS was sent."""
    with Fake(plain_text_only) as fake:
        message = refusal(target(fake.port))

    assert fake.received == SSL_REQUEST
    assert "offers no TLS" in message


def test_connect_certificate_of_another_authority_is_refused(
    certificates: tuple[Path, Path],
) -> None:
    """A certificate that our CA did not sign ends the connection before a byte is said under it."""
    ours, others = certificates
    with Fake(impostor(others)) as fake:
        message = refusal(target(fake.port, ca_file=str(ours / "ca-bundle.pem")))

    assert fake.received == b""
    assert fake.connections == 1
    assert "give the CA that signed it as PG_CA_FILE" in message


def test_connect_certificate_for_another_host_is_refused(
    certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of the right authority, for another name, ends the connection likewise."""
    ours, _ = certificates
    known = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *rest, **more: known("127.0.0.1", *rest, **more)
    )
    with Fake(impostor(ours)) as fake:
        server = target(fake.port, host="db.example", ca_file=str(ours / "ca-bundle.pem"))
        message = refusal(server)

    assert fake.received == b""
    assert "db.example: the server's certificate is not believed: Hostname mismatch" in message
    assert "use the name that the certificate is for as PG_DB_HOST" in message


def test_connect_right_certificate_is_spoken_to(certificates: tuple[Path, Path]) -> None:
    """The same server is believed by its own name: the refusals above are not for another cause."""
    ours, _ = certificates
    with Fake(impostor(ours)) as fake, pytest.raises(ConnectError):
        connect(
            target(fake.port, ca_file=str(ours / "ca-bundle.pem")),
            Passwords([PASSWORD]),
            Limits(connect_timeout_s=0.3),
        )

    assert USER.encode() in fake.received


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (lambda _: b"", ConnectError, "closed the connection when asked for TLS"),
        (lambda connection: connection.sendall(b"E"), TlsError, "offers no TLS"),
        (lambda connection: connection.sendall(b"S and no TLS"), TlsError, "no TLS could be"),
    ],
    ids=["closes", "errs", "babbles"],
)
def test_connect_what_is_no_tls_is_refused(
    answer: Any, error: type[ConnectError], said: str
) -> None:
    """Whatever else comes in answer to the question for TLS is an error, never plain text."""

    def after_the_question(connection: socket.socket) -> bytes:
        question = connection.recv(8)
        answer(connection)
        connection.shutdown(socket.SHUT_WR)
        return question + everything(connection)

    with Fake(after_the_question) as fake:
        message = refusal(target(fake.port), error)

    assert said in message
    assert USER.encode() not in fake.received


@pytest.mark.parametrize("host", ["db.example", "10.0.0.7", "127.0.0.1.example", "::2", ""])
def test_connect_plain_text_to_another_machine_is_refused(host: str) -> None:
    """PG_TLS=disable is for this machine; no name server is asked, and no credentials are."""
    passwords = Passwords([PASSWORD])

    with pytest.raises(TlsError, match="only a loopback host may have"):
        connect(target(1, host=host, tls=Tls.DISABLE), passwords)

    assert passwords.asked == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "/run/postgresql"])
def test_tls_plain_text_to_this_machine_is_allowed(host: str) -> None:
    """Every way to write this machine is one."""
    assert Tls.DISABLE.refusal(host) is None


def test_connect_localhost_that_is_elsewhere_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the name localhost leads to another machine, plain text stops at its address."""

    class Elsewhere(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.7", 5432

    with Fake(everything) as fake:

        def dialled(address: tuple[str, int], _timeout_s: float) -> socket.socket:
            sock = Elsewhere()
            sock.settimeout(5)
            sock.connect(("127.0.0.1", address[1]))
            return sock

        monkeypatch.setattr(socket, "create_connection", dialled)
        message = refusal(target(fake.port, host="localhost", tls=Tls.DISABLE))

    assert "is at 192.0.2.7" in message
    assert fake.received == b""


def test_connect_real_server_is_encrypted_and_bound_to_its_certificate(
    debian15: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself says that the session is encrypted; the login was bound to the channel."""
    chosen: list[str] = []

    class Watched(ScramClient):  # type: ignore[misc] # scramp has no types
        def get_client_first(self) -> Any:
            chosen.append(self.mechanism_name)
            return super().get_client_first()

    monkeypatch.setattr("expiry.postgres.wire.core.scramp", SimpleNamespace(ScramClient=Watched))
    with open_session(debian15) as session:
        ((encrypted, version),) = session.run(
            "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )

    assert encrypted is True
    assert version == "TLSv1.3"
    assert chosen == ["SCRAM-SHA-256-PLUS"]


def test_connect_real_server_with_the_default_authorities_is_refused(debian15: Database) -> None:
    """Neither the system's authorities nor RDS's signed the test's server."""
    server = target(debian15.port, user=debian15.user)

    assert "is not believed" in refusal(server)


def test_connect_real_server_in_plain_text_is_refused_by_it(debian15: Database) -> None:
    """A server that lets in TLS alone says so, and so do we."""
    server = target(debian15.port, user=debian15.user, database=debian15.name, tls=Tls.DISABLE)

    assert "no encryption" in refusal(server, LoginError)


def test_connect_ca_file_that_is_none_says_so(tmp_path: Path) -> None:
    """A CA file that is missing or holds no certificate is named."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")

    for path in (empty, tmp_path / "missing.pem"):
        assert f"no CA certificates in {path}" in refusal(target(1, ca_file=str(path)))


def test_connect_unix_socket_is_this_machine(embedded18: Database, tmp_path: Path) -> None:
    """A host that is a folder holds the socket, as libpq has it."""
    path = tmp_path / f".s.PGSQL.{embedded18.port}"
    server = target(
        embedded18.port,
        host=str(tmp_path),
        tls=Tls.DISABLE,
        user=embedded18.user,
        database=embedded18.name,
    )
    with (
        Fake(relay(embedded18.port), path),
        connect(server, Passwords([embedded18.password])) as session,
    ):
        assert session.run("SELECT 1") == [(1,)]
