"""
The authorities of RDS that go into the zip: pinned, readable, with their licence.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from expiry.errors import TlsError
from expiry.postgres import tls
from expiry.postgres.tls import RDS_BUNDLE, verifying_context
from tools import rds_bundle

SHA256 = "8d9be2e4e9ffb4abf29a530a3c9e9f24515b2dd81cf7070ee3b5622b2d4a6cce"
# The package holds no others: neither China nor GovCloud, nor Regions opened since (il-central-1,
# ca-west-1, mx-central-1, ap-east-2, ap-southeast-5 and -7). There PG_CA_FILE names AWS's own file.
REGIONS = set(
    """af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
    ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ca-central-1 eu-central-1
    eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 me-central-1
    me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2""".split()  # noqa: SIM905 - as a list it fills thirty lines
)
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


def test_bundle_is_the_pinned_one() -> None:
    """A certificate more in it would be believed: a change is a decision (tools/rds_bundle.py)."""
    assert hashlib.sha256(RDS_BUNDLE.read_bytes()).hexdigest() == SHA256
    assert RDS_BUNDLE == rds_bundle.BUNDLE


def test_bundle_holds_authorities_of_rds_alone() -> None:
    """Each is an authority that Amazon RDS names as its own, and most are good for long."""
    held = x509.load_pem_x509_certificates(RDS_BUNDLE.read_bytes())
    subjects = [certificate.subject.rfc4514_string() for certificate in held]

    for certificate, subject in zip(held, subjects, strict=True):
        assert "Amazon RDS" in subject
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    named = {found[0] for subject in subjects if (found := REGION.search(subject))}
    assert named == REGIONS
    soon = datetime(2040, 1, 1, tzinfo=UTC)
    assert sum(certificate.not_valid_after_utc > soon for certificate in held) > 80


def test_bundle_keeps_its_licence() -> None:
    """It is MIT's: the text goes where the certificates go."""
    text = rds_bundle.LICENCE.read_text()

    assert text.startswith("Copyright (c) 2024 Andrey Sidorov")
    assert "Permission is hereby granted, free of charge" in text
    assert rds_bundle.LICENCE.parent == RDS_BUNDLE.parent


def test_context_believes_rds_and_the_system() -> None:
    """By default both: RDS Proxy's certificates are signed by public authorities."""
    ours = set(verifying_context(None).get_ca_certs(binary_form=True))
    bundle = {
        certificate.public_bytes(Encoding.DER)
        for certificate in x509.load_pem_x509_certificates(RDS_BUNDLE.read_bytes())
    }
    system = set(ssl.create_default_context().get_ca_certs(binary_form=True))

    assert ours == system | bundle


def test_context_believes_a_file_alone() -> None:
    """A CA file of one's own replaces all others, as libpq has it."""
    path = str(RDS_BUNDLE)

    assert len(verifying_context(path).get_ca_certs()) == 115


def test_context_verifies_in_full_but_no_more_than_libpq() -> None:
    """Chain and host name, under each Python; Python 3.13's stricter rules are for others."""
    context = verifying_context(None)

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_context_without_its_bundle_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip without the file connects to nothing, rather than to anything."""
    monkeypatch.setattr(tls, "RDS_BUNDLE", RDS_BUNDLE.with_name("missing.pem"))

    with pytest.raises(TlsError, match=r"missing\.pem"):
        verifying_context(None)


def test_rds_bundle_reads_the_packages_own_form() -> None:
    """Strings joined by plus, in JavaScript: each certificate comes out as PEM."""
    pem = next(iter(RDS_BUNDLE.read_text().split("-----END CERTIFICATE-----")))
    pem = pem[pem.index("-----BEGIN") :] + "-----END CERTIFICATE-----\n"
    lines = " +\n        ".join(f"'{line}\\n'" for line in pem.splitlines())
    source = f"exports.defaults = [\n    {lines},\n    {lines},\n];\n"

    assert list(rds_bundle.certificates(source)) == [pem, pem]
