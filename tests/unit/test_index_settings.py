"""
The index cleanup's settings: a table and a preset are enough, and every fault is named at once.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.errors import SettingsError
from index_cleanup.rules import ExpiredRule, OrphanRule
from index_cleanup.settings import Settings

PRESET = {"TABLE_NAME": "app_attributes", "PRESET": "actingweb"}
RULE = {
    "kind": "expired",
    "partition": "P",
    "sort_prefix": "S#",
    "expires": [{"at": "expires_at"}],
}


def refusal(environment: dict[str, str]) -> str:
    """Return the message of the error in which settings have to end."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    return str(caught.value)


def test_settings_two_variables_are_enough() -> None:
    """Everything else has the documented default."""
    settings = Settings.from_env(PRESET)

    left_out = {"rules", "lifetimes", "body"}
    names = Settings.__dataclass_fields__.keys() - left_out
    assert {name: getattr(settings, name) for name in names} == {
        "table": "app_attributes",
        "preset": "actingweb",
        "dry_run": False,
        "max_deletes": 10_000,
        "max_orphan_percent": 100.0,
        "write_units_per_s": 200.0,
        "threads": 8,
        "clock_skew_s": 60,
        "ttl_attribute": None,
        "default_ttl_attribute": "ttl_timestamp",
        "single_writer_region": False,
        "metrics_namespace": None,
    }


def test_preset_has_the_lifetimes_of_the_library() -> None:
    """They are those of ActingWeb's constants; another table of them would keep or lose tokens."""
    assert Settings.from_env(PRESET).lifetimes == {
        "oauth_session_s": 600,
        "spa_access_token_s": 3_600,
        "spa_refresh_token_s": 1_209_600,
        "mcp_auth_code_s": 600,
        "mcp_access_token_s": 3_600,
        "mcp_refresh_token_s": 2_592_000,
        "index_buffer_s": 7_200,
    }


def test_preset_has_rules_for_three_indexes_and_three_kinds_of_rows() -> None:
    """
    Every rule looks at the bucket of a row, hides its key, and is safe without a grace period
    because the library stores a token before its index row.
    """
    rules = Settings.from_env(PRESET).rules

    orphans = {name for name, rule in rules.items() if isinstance(rule, OrphanRule)}
    assert orphans == {"mcp_access_tokens", "mcp_refresh_tokens", "mcp_auth_codes"}
    assert set(rules) - orphans == {"oauth_sessions", "spa_access_tokens", "spa_refresh_tokens"}
    for rule in rules.values():
        assert rule.scope.partition == "_actingweb_oauth2"
        assert rule.scope.sort_prefix == f"{rule.scope.where['bucket']}:"
        assert rule.scope.secret_key
        assert rule.grace_s == 0
        assert not isinstance(rule, OrphanRule) or rule.target_written_first


def test_lifetimes_replace_single_ones_of_the_preset() -> None:
    """The others keep their values, and a rule's seconds follow."""
    settings = Settings.from_env({**PRESET, "LIFETIMES": json.dumps({"oauth_session_s": 1_200})})

    assert settings.lifetimes["oauth_session_s"] == 1_200
    assert settings.lifetimes["mcp_auth_code_s"] == 600
    rule = settings.rules["oauth_sessions"]
    assert isinstance(rule, ExpiredRule)
    assert rule.expires[0].plus_s == 1_200


@pytest.mark.parametrize(
    ("lifetimes", "word"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ('{"oauth_sessions": 600}', "oauth_sessions"),
        ('{"oauth_session_s": 0}', "above 0"),
        ('{"oauth_session_s": "600"}', "whole seconds"),
        ('{"oauth_session_s": true}', "whole seconds"),
    ],
)
def test_lifetimes_that_are_none_are_refused(lifetimes: str, word: str) -> None:
    """A misspelt lifetime must not leave the default in its place unsaid."""
    assert word in refusal({**PRESET, "LIFETIMES": lifetimes})


def test_rules_of_ones_own_take_the_place_of_a_preset() -> None:
    """They are JSON: name to rule; nothing of ActingWeb's comes with them."""
    settings = Settings.from_env({"TABLE_NAME": "people", "RULES": json.dumps({"mine": RULE})})

    assert list(settings.rules) == ["mine"]
    assert settings.lifetimes == {}
    assert settings.default_ttl_attribute is None
    assert settings.body == {}


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({}, "TABLE_NAME is not set"),
        ({"TABLE_NAME": "app"}, "exactly one of PRESET and RULES"),
        ({**PRESET, "RULES": json.dumps({"mine": RULE})}, "exactly one of PRESET and RULES"),
        ({"TABLE_NAME": "app", "PRESET": "django"}, "PRESET must match"),
        ({"TABLE_NAME": "app", "RULES": "{"}, "RULES is no JSON"),
        ({"TABLE_NAME": "app", "RULES": "{}"}, "at least one rule"),
        ({"TABLE_NAME": "app", "RULES": "[1]"}, "JSON object of rule name to rule"),
        ({"TABLE_NAME": "app", "RULES": '{"a": 1}'}, "rule a: must be an object"),
        (
            {"TABLE_NAME": "app", "RULES": json.dumps({"mine": RULE}), "LIFETIMES": "{}"},
            "LIFETIMES belongs to PRESET",
        ),
        ({**PRESET, "DRY_RUN": "yes"}, "DRY_RUN must be true or false"),
        ({**PRESET, "MAX_DELETES_PER_RUN": "0"}, "MAX_DELETES_PER_RUN"),
        ({**PRESET, "MAX_ORPHAN_PERCENT": "101"}, "MAX_ORPHAN_PERCENT"),
        ({**PRESET, "MAX_WRITE_UNITS_PER_SECOND": "0"}, "MAX_WRITE_UNITS_PER_SECOND"),
        ({**PRESET, "TTL_ATTRIBUTE": 'a"b'}, "TTL_ATTRIBUTE"),
    ],
)
def test_settings_that_cannot_be_are_refused(environment: dict[str, str], word: str) -> None:
    """What is missing or malformed is named."""
    assert word in refusal(environment)


def test_settings_every_fault_is_named_in_one_error() -> None:
    """One apply shows all that is wrong."""
    rules: dict[str, Any] = {"a": {**RULE, "kind": "none"}, "b": {**RULE, "partition": ""}}
    message = refusal({"THREADS": "0", "RULES": json.dumps(rules)})

    for word in ("TABLE_NAME", "THREADS", "rule a", "rule b"):
        assert word in message
