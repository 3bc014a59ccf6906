"""
Prove to the server that we know the password, and let it prove the same, without sending it.

SCRAM-SHA-256 (RFC 5802, RFC 7677), bound to the TLS connection where the server offers that
(tls-server-end-point, RFC 5929). The library that pg8000 brings for this does the same, but loads
22,000 lines of ASN.1 to read one field of one certificate: half of a cold start's imports.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from expiry.errors import LoginError

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
NONCE_BYTES = 18

# How a certificate is signed (its signatureAlgorithm, DER) → how it is hashed for the binding:
# as it is signed, but never by less than SHA-256. Signatures without a hash have no binding.
BINDING_HASHES = {
    bytes.fromhex("2a864886f70d010104"): "sha256",  # md5WithRSA
    bytes.fromhex("2a864886f70d010105"): "sha256",  # sha1WithRSA
    bytes.fromhex("2a864886f70d01010b"): "sha256",  # sha256WithRSA
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
    bytes.fromhex("2a8648ce3d0401"): "sha256",  # ecdsa-with-SHA1
    bytes.fromhex("2a8648ce3d040302"): "sha256",  # ecdsa-with-SHA256
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}


class Scram:
    """One login, from first to last message."""

    def __init__(
        self,
        mechanisms: Sequence[str],
        password: str,
        certificate: bytes | None,
        nonce: str | None = None,
    ) -> None:
        """
        Choose the strongest of the server's *mechanisms*.

        Args:
            certificate: The server's, in DER, where the connection is encrypted.
            nonce: For tests; otherwise it is made here.

        Raises:
            LoginError: The server offers nothing of ours.
        """
        end_point = binding(certificate) if certificate else None
        if PLUS in mechanisms and end_point:
            self.mechanism, header = PLUS, "p=tls-server-end-point,,"
        elif PLAIN in mechanisms:
            # "y" says that we could have bound: a man in the middle who hid the offer is found.
            self.mechanism, header = PLAIN, "y,," if end_point else "n,,"
        else:
            raise LoginError(
                f"the server offers {', '.join(mechanisms)}, and we know {PLAIN} alone"
            )
        self._header = header.encode() + (end_point or b"" if self.mechanism == PLUS else b"")
        self._gs2 = header
        self._password = prepared(password)
        self._nonce = nonce or b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
        self._signature = b""

    def first(self) -> bytes:
        """Write the first message; the server knows the user already."""
        return f"{self._gs2}{self.bare}".encode()

    @property
    def bare(self) -> str:
        """The part of the first message that is proven."""
        return f"n=,r={self._nonce}"

    def final(self, challenge: bytes) -> bytes:
        """
        Answer the server's *challenge*.

        Raises:
            LoginError: It is none.
        """
        try:
            fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
            nonce, rounds = fields["r"], int(fields["i"])
            salt = b64decode(fields["s"], validate=True)
        except (ValueError, KeyError):
            raise LoginError("the server's SCRAM challenge is malformed") from None
        if "m" in fields or not nonce.startswith(self._nonce) or rounds < 1:
            raise LoginError("the server's SCRAM challenge does not answer our first message")
        unproven = f"c={b64encode(self._header).decode()},r={nonce}"
        whole = f"{self.bare},{challenge.decode()},{unproven}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client_key = _mac(salted, b"Client Key")
        mask = _mac(hashlib.sha256(client_key).digest(), whole)
        self._signature = _mac(_mac(salted, b"Server Key"), whole)
        proof = bytes(a ^ b for a, b in zip(client_key, mask, strict=True))
        return f"{unproven},p={b64encode(proof).decode()}".encode()

    def verify(self, outcome: bytes) -> None:
        """
        Hold the server to the same proof.

        Raises:
            LoginError: It does not know the password: it is another than it says.
        """
        wanted = b"v=" + b64encode(self._signature)
        if not self._signature or not hmac.compare_digest(outcome.partition(b",")[0], wanted):
            raise LoginError("the server does not know the password itself: who answers there?")


def binding(certificate: bytes) -> bytes | None:
    """Hash a *certificate* (DER) as its signature says; None where that is not defined."""
    try:
        _, start, _ = _element(certificate, 0)  # Certificate ::= SEQUENCE {
        _, _, after = _element(certificate, start)  # tbsCertificate,
        _, start, _ = _element(certificate, after)  # signatureAlgorithm SEQUENCE {
        _, start, end = _element(certificate, start)  # algorithm OBJECT IDENTIFIER … } … }
    except IndexError:
        return None
    name = BINDING_HASHES.get(certificate[start:end])
    return hashlib.new(name, certificate).digest() if name else None


def prepared(password: str) -> bytes:
    """Normalise as SASLprep does (RFC 4013); what it refuses goes as it is, as libpq sends it."""
    if password.isascii():
        return password.encode()
    import stringprep  # noqa: PLC0415 - 3 ms that next to no password needs
    import unicodedata  # noqa: PLC0415 - likewise

    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    refused = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    bad = not normal or any(table(character) for table in refused for character in normal)
    right = [stringprep.in_table_d1(character) for character in normal]
    if any(right):
        left = any(stringprep.in_table_d2(character) for character in normal)
        bad = bad or left or not (right[0] and right[-1])
    return (password if bad else normal).encode()


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Read the head of the element *at*: its tag, where its content begins, where it ends."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(der[start : start + octets], "big"), start + octets
    if start + length > len(der):
        raise IndexError("ends early")
    return tag, start, start + length
