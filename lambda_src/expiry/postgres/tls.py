"""
Decide how a connection is encrypted, and which certificates are believed.

There is no choice between: either the server is who it says, by a certificate for its very name,
or it is on this machine. pg8000 alone would fall back to plain text without a word.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext


class Tls(StrEnum):
    """What PG_TLS may say."""

    VERIFY_FULL = "verify-full"  # encrypted; certificate and host name verified
    DISABLE = "disable"  # plain text; to a loopback host only

    def refusal(self, host: str) -> str | None:
        """Say why this may not be used for *host*; None where it may."""
        raise NotImplementedError


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine, without asking a name server."""
    raise NotImplementedError


def verifying_context(ca_file: str | None) -> SSLContext:
    """
    Make a context that believes *ca_file* alone; None: the system's CAs and RDS's.

    Raises:
        TlsError: *ca_file* cannot be read, or holds no certificate.
    """
    raise NotImplementedError
