"""
Make the certificate that the embedded cloud serves on the loopback address.

TLS because bucket policies that refuse plain HTTP are part of what is tested. A small authority and
a leaf rather than one self-signed certificate: strict verifiers refuse an authority as a leaf.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = "embedded cloud authority"
LIFETIME = dt.timedelta(days=30)
NAMES = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
PEM = serialization.Encoding.PEM


def write_certificate(folder: Path) -> None:
    """Write ``server.pem``, ``server.key`` and ``ca-bundle.pem`` (the system's roots and ours)."""
    authority_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = (
        unsigned(AUTHORITY, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    leaf = (
        unsigned("127.0.0.1", leaf_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    roots, chain = authority.public_bytes(PEM), leaf.public_bytes(PEM)
    (folder / "server.pem").write_bytes(chain + roots)
    (folder / "ca-bundle.pem").write_bytes(system_roots() + roots)
    key_file = folder / "server.key"
    key_file.touch(mode=0o600)
    plain = serialization.NoEncryption()
    key_file.write_bytes(leaf_key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))


def unsigned(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Begin a certificate of ours."""
    now = dt.datetime.now(dt.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(AUTHORITY))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(identifier, critical=False)
    )


def named(text: str) -> x509.Name:
    """Return a name that is a common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key is for: certificates, or connections."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def system_roots() -> bytes:
    """Return the system's roots: a bundle named to a client replaces them."""
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, paths.openssl_cafile):
        if path and os.path.exists(path):  # noqa: PTH110 - a str from ssl
            with open(path, "rb") as file:  # noqa: PTH123 - likewise
                return file.read() + b"\n"
    return b""
