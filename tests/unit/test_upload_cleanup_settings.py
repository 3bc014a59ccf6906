"""
The cleanup's settings: the seed's two are enough, and every fault is named before anything runs.
"""

from __future__ import annotations

import json

import pytest

from expiry.errors import SettingsError
from upload_cleanup.settings import KEY_PATTERN, Attributes, AuditTarget, Settings

ENVIRONMENT = {"TABLE_NAME": "UploadSessions", "BUCKET": "videos"}


def refusal(**variables: str) -> str:
    """Return the message of the error in which settings have to end."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(ENVIRONMENT | variables)
    return str(caught.value)


def test_settings_two_variables_are_enough() -> None:
    """Everything else has the documented default."""
    settings = Settings.from_env(ENVIRONMENT)

    assert settings.attributes == Attributes()
    assert settings.key_pattern.pattern.pattern == KEY_PATTERN
    found = {
        name: getattr(settings, name)
        for name in Settings.__dataclass_fields__
        if name not in {"attributes", "key_pattern"}
    }
    assert found == {
        "table": "UploadSessions",
        "bucket": "videos",
        "bucket_owner_account_id": None,
        "prefix": "uploads/",
        "orphan_s": 86_400,
        "stuck_s": 3_600,
        "partial_review_s": 604_800,
        "settle_s": 900,
        "max_upload_s": 86_400,
        "batch_size": 100,
        "dry_run": False,
        "max_deletes": 10_000,
        "max_orphan_percent": 20.0,
        "requests_per_s": 0.0,
        "threads": 8,
        "scan_segments": 4,
        "protect_tag": None,
        "review_expired_with_parts": False,
        "audit": None,
        "two_sightings": False,
        "versioned": False,
        "restore": False,
        "single_writer_region": False,
        "price_per_gb_month": 0.023,
        "clock_skew_s": 60,
        "metrics_namespace": None,
    }


def test_settings_default_pattern_reads_the_session_of_a_key() -> None:
    """The seed's keys name their session; a folder deeper, or without a date, names none."""
    pattern = Settings.from_env(ENVIRONMENT).key_pattern

    assert pattern.session_id("uploads/2025-08-21/abc-1.mp4") == "abc-1"
    assert pattern.session_id("uploads/2025-08-21/abc-1.tar.gz") == "abc-1"
    assert pattern.session_id("uploads/2025-08-21/a/abc-1.mp4") is None
    assert pattern.session_id("uploads/abc-1.mp4") is None


def test_settings_audit_bucket_brings_two_sightings() -> None:
    """Where the first sighting can be remembered, it is asked for unless that is switched off."""
    audited = ENVIRONMENT | {"AUDIT_BUCKET": "trail"}

    assert Settings.from_env(audited).audit == AuditTarget("trail", "upload-cleanup/")
    assert Settings.from_env(audited).two_sightings
    assert not Settings.from_env(audited | {"TWO_SIGHTINGS": "false"}).two_sightings


def test_settings_attributes_map_the_names_that_differ() -> None:
    """What is not mapped keeps the seed's name."""
    names = json.dumps({"uploadSessionId": "id", "ttl": "expires_at"})

    found = Settings.from_env(ENVIRONMENT | {"ATTRIBUTES": names}).attributes

    assert found == Attributes(session_id="id", ttl="expires_at")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"ttl": 1}',
        '{"ttl": ""}',
        '{"tll": "expires"}',
        '{"ttl": "status"}',
        '{"ttl": "expiryRun"}',
        '{"ttl": "a\\"b"}',
    ],
)
def test_settings_attributes_that_cannot_be_meant_are_refused(text: str) -> None:
    """No text, misspelt or doubled name becomes a statement on the wrong attribute."""
    assert "ATTRIBUTES" in refusal(ATTRIBUTES=text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TABLE_NAME", "a/b"),
        ("BUCKET", "s3://videos"),
        ("BUCKET_OWNER_ACCOUNT_ID", "12345"),
        ("UPLOAD_PREFIX", "/uploads/"),
        ("UPLOAD_PREFIX", "/"),
        ("UPLOAD_PREFIX", "uploads"),
        ("KEY_PATTERN", "uploads/(?P<session_id>"),
        ("KEY_PATTERN", "uploads/(.*)"),
        ("CLEANUP_AGE_HOURS", "0"),
        ("CLEANUP_AGE_HOURS", "-1"),
        ("BATCH_SIZE", "0"),
        ("SETTLE_SECONDS", "59"),
        ("DRY_RUN", "True"),
        ("DRY_RUN", "1"),
        ("MAX_DELETES_PER_RUN", "0"),
        ("MAX_ORPHAN_PERCENT", "101"),
        ("THREADS", "0"),
        ("TWO_SIGHTINGS", "true"),
        ("RESTORE", "true"),
    ],
)
def test_settings_value_that_cannot_be_meant_is_refused(name: str, value: str) -> None:
    """A wrong value ends the run before it reads anything, and is named."""
    assert name in refusal(**{name: value})


def test_settings_faults_are_named_together() -> None:
    """One error tells all that has to be mended."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"DRY_RUN": "maybe", "THREADS": "many"})

    assert len(caught.value.problems) == 4
