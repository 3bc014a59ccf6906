"""
The monitor's settings: the two that are required, and defaults for the rest.
"""

from __future__ import annotations

import pytest

from expiry.errors import SettingsError
from tests.unit.monitor_runs import ENVIRONMENT
from ttl_monitor.settings import Export, Settings


def test_settings_two_variables_are_enough() -> None:
    """Everything else has a default."""
    assert Settings.from_env(ENVIRONMENT) == Settings(
        table="sessions-dev",
        environment="dev",
        ttl_attribute="expires_at",
        item_id_attribute=None,
        user_separator="#",
        threads=4,
        sample_percent=100.0,
        max_read_units_per_s=0.0,
        clock_skew_s=60,
        export=None,
        metrics_namespace=None,
    )


@pytest.mark.parametrize(
    ("prefix", "kept"), [("", "ttl-monitor/"), ("a/b", "a/b/"), ("/a/", "a/"), ("/", "")]
)
def test_settings_prefix_ends_in_one_slash_and_begins_with_none(prefix: str, kept: str) -> None:
    """A prefix is a folder however it is written."""
    env = ENVIRONMENT | {"EXPORT_BUCKET": "reports", "EXPORT_PREFIX": prefix}

    assert Settings.from_env(env).export == Export("reports", kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAMPLE_PERCENT", "0"),
        ("SAMPLE_PERCENT", "0.001"),
        ("SAMPLE_PERCENT", "101"),
        ("SCAN_SEGMENTS", "65"),
        ("MAX_READ_UNITS_PER_SECOND", "-1"),
        ("CLOCK_SKEW_S", "1.5"),
        ("CHECKPOINT_TABLE_NAME", "arn:aws:dynamodb:eu-west-1:1:table/x"),
    ],
)
def test_settings_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    """A value that cannot be meant is an error that names its variable."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(ENVIRONMENT | {name: value})
