"""
SCRAM, held against the examples of its RFCs.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from expiry.errors import LoginError
from expiry.postgres.scram import PLAIN, PLUS, Scram, binding, prepared

# RFC 7677, section 3, but without the user, whom PostgreSQL knows already.
NONCE = "rOprNGfwEbeRWgbNEkqO"
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
SERVERS_NONCE = f"{NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CHALLENGE = f"r={SERVERS_NONCE},s={SALT},i=4096".encode()


def certificate(key: Any, algorithm: Any) -> bytes:
    """Make a self-signed certificate, in DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "db.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = certificate(EC_KEY, hashes.SHA256())


def test_scram_exchange_is_that_of_the_rfc(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the RFC's own first message, proof and server signature are the RFC's."""
    login = Scram([PLAIN], "pencil", None, NONCE)
    assert login.first() == f"n,,n=,r={NONCE}".encode()
    monkeypatch.setattr(Scram, "bare", property(lambda self: f"n=user,r={self._nonce}"))

    assert login.final(CHALLENGE) == (
        f"c=biws,r={SERVERS_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
    )
    login.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    "outcome", [b"v=AAAA", b"v=", b"", b"e=invalid-proof", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5"]
)
def test_scram_server_that_does_not_know_the_password_is_refused(outcome: bytes) -> None:
    """A server proves itself, or is not logged in to."""
    login = Scram([PLAIN], "pencil", None, NONCE)
    login.final(CHALLENGE)

    with pytest.raises(LoginError, match="who answers there"):
        login.verify(outcome)


def test_scram_end_before_the_proof_is_refused() -> None:
    """A server that says that all is well before it was asked has proven nothing."""
    with pytest.raises(LoginError):
        Scram([PLAIN], "pencil", None, NONCE).verify(b"v=")


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"\xff",
        b"r=other,s=W22Z,i=4096",
        f"r={NONCE}x,s=W22Z,i=none".encode(),
        f"r={NONCE}x,s=W22Z,i=0".encode(),
        f"r={NONCE}x,s=?,i=4096".encode(),
        f"r={NONCE}x,i=4096".encode(),
        f"m=new,r={NONCE}x,s=W22Z,i=4096".encode(),
    ],
)
def test_scram_challenge_that_is_none_is_refused(challenge: bytes) -> None:
    """Whatever does not answer our nonce is somebody else's."""
    with pytest.raises(LoginError, match="challenge"):
        Scram([PLAIN], "pencil", None, NONCE).final(challenge)


@pytest.mark.parametrize(
    ("offered", "encrypted", "mechanism", "header"),
    [
        ([PLAIN, PLUS], True, PLUS, b"p=tls-server-end-point,,"),
        ([PLAIN], True, PLAIN, b"y,,"),
        ([PLAIN, PLUS], False, PLAIN, b"n,,"),
    ],
)
def test_scram_binds_to_the_channel_where_both_can(
    offered: list[str],
    encrypted: bool,  # noqa: FBT001 - a test's parameter
    mechanism: str,
    header: bytes,
) -> None:
    """Where the server offers no binding although it could, it learns that we would have."""
    login = Scram(offered, "pencil", CERTIFICATE if encrypted else None, NONCE)

    assert login.mechanism == mechanism
    assert login.first().startswith(header)


def test_scram_unknown_mechanism_is_refused() -> None:
    """What the server wants instead is named."""
    with pytest.raises(LoginError, match="offers OAUTHBEARER"):
        Scram(["OAUTHBEARER"], "pencil", None)


def test_scram_nonces_differ() -> None:
    """No login repeats another's."""
    firsts = {Scram([PLAIN], "pencil", None).first() for _ in range(20)}

    assert len(firsts) == 20


@pytest.mark.parametrize(
    ("key", "algorithm", "name"),
    [
        (EC_KEY, hashes.SHA256(), "sha256"),
        (EC_KEY, hashes.SHA384(), "sha384"),
        (EC_KEY, hashes.SHA512(), "sha512"),
        (rsa.generate_private_key(65537, 2048), hashes.SHA256(), "sha256"),
        (rsa.generate_private_key(65537, 2048), hashes.SHA384(), "sha384"),
        (rsa.generate_private_key(65537, 2048), hashes.SHA512(), "sha512"),
    ],
)
def test_binding_is_hashed_as_the_certificate_is_signed(
    key: Any, algorithm: Any, name: str
) -> None:
    """RFC 5929: tls-server-end-point."""
    made = certificate(key, algorithm)

    assert binding(made) == hashlib.new(name, made).digest()


@pytest.mark.parametrize(
    "made",
    [certificate(ed25519.Ed25519PrivateKey.generate(), None), b"", b"\x30", CERTIFICATE[:40]],
    ids=["ed25519", "empty", "head", "half"],
)
def test_binding_of_what_has_none_is_none(made: bytes) -> None:
    """A signature without a hash has no binding; the login goes on without."""
    assert binding(made) is None


@pytest.mark.parametrize(
    ("password", "wanted"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0007", "\u0007"),
        ("\u0627\u0031", "\u0627\u0031"),
        ("\u0627a\u0627", "\u0627a\u0627"),
        ("\u00ad", "\u00ad"),
    ],
)
def test_prepared_password_is_that_of_the_rfc(password: str, wanted: str) -> None:
    """RFC 4013's examples; what it refuses stays as it is, as PostgreSQL has it."""
    assert prepared(password) == wanted.encode()
