"""
Decide how a connection is encrypted, and which certificates are believed.

There is no choice between: either the server is who it says, by a certificate for its very name,
or it is on this machine. pg8000 alone would fall back to plain text without a word; so the
encryption is negotiated here, and pg8000 gets a socket that is verified already.
"""

from __future__ import annotations

import ipaddress
import ssl
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from expiry.errors import ConnectError, TlsError

if TYPE_CHECKING:
    import socket

RDS_BUNDLE = Path(__file__).with_name("rds-global-bundle.pem")
SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # PostgreSQL's own number
ANSWER_YES = b"S"

WRONG_NAME = frozenset({62, 64})  # OpenSSL: the certificate is for another host, or address
OUT_OF_DATE = frozenset({9, 10})  # not valid yet, expired


class Tls(StrEnum):
    """What PG_TLS may say."""

    VERIFY_FULL = "verify-full"  # encrypted; certificate and host name verified
    DISABLE = "disable"  # plain text; to a loopback host only

    def refusal(self, host: str) -> str | None:
        """Say why this may not be used for *host*; None where it may."""
        if self is Tls.DISABLE and not is_loopback(host):
            return f"PG_TLS is disable, which only a loopback host may have, and {host} is none"
        return None


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine, without asking a name server."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def verifying_context(ca_file: str | None) -> ssl.SSLContext:
    """
    Make a context that believes *ca_file* alone; None: the system's CAs and RDS's.

    Raises:
        TlsError: *ca_file* cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if ca_file is None:
            context.load_verify_locations(RDS_BUNDLE)
    except (OSError, ValueError) as error:
        raise TlsError(f"no CA certificates in {ca_file or RDS_BUNDLE.name}: {error}") from None
    # As libpq verifies. Python 3.13 began to ask for more, in which many a private CA fails:
    # the same certificate must be good under each Python.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def encrypted(plain: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """
    Ask the server at *host* for TLS and verify it; *plain* must be closed by the caller.

    Raises:
        TlsError: It offers none, or its certificate is not believed. Nothing but the question
            was sent.
        ConnectError: It went away.
    """
    try:
        plain.sendall(SSL_REQUEST)
        answer = plain.recv(1)  # one byte: whatever follows it unencrypted must not be believed
        if answer == ANSWER_YES:
            return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise TlsError(_unbelieved(host, error)) from None
    except ssl.SSLError as error:
        raise TlsError(f"{host}: no TLS could be agreed on: {error.reason or error}") from None
    except OSError as error:
        raise ConnectError(f"{host}: went away when asked for TLS: {error}") from None
    if not answer:
        raise ConnectError(f"{host}: closed the connection when asked for TLS")
    raise TlsError(
        f"{host}: the server offers no TLS, and PG_TLS is verify-full;"
        " set ssl = on there. No password was sent"
    )


def _unbelieved(host: str, error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message.rstrip(".")
    if error.verify_code in WRONG_NAME:
        advice = "use the name that the certificate is for as PG_DB_HOST"
    elif error.verify_code in OUT_OF_DATE:
        advice = "renew the server's certificate"
    else:
        advice = "give the CA that signed it as PG_CA_FILE"
    return (
        f"{host}: the server's certificate is not believed: {said}; {advice}. No password was sent"
    )
