"""What the module `index-cleanup` refuses at plan, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.index_cleanup_calls import (
    EARLY,
    EVERYTHING,
    LATE,
    LINKED,
    PLAIN,
    SESSIONS,
    TABLE,
    with_rules,
)
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals


def limits(**changes: float) -> Arguments:
    """Return a call with these limits."""
    return {**PLAIN, "limits": changes}


def rule(base: dict[str, Any], **changes: object) -> Arguments:
    """Return a call with one rule, *base* changed; None takes a field away."""
    changed = base | changes
    return with_rules(one={key: value for key, value in changed.items() if value is not None})


def alarms(**changes: float) -> Arguments:
    """Return a call with these thresholds."""
    return {**PLAIN, "alarms": changes}


PROOF = [{"at": "expires_at"}]

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "no-table": ({"name": "cleanup", "preset": "actingweb"}, 'argument "table" is required'),
    "index-arn": (
        {**PLAIN, "table": {**TABLE, "arn": TABLE["arn"] + "/index/x"}},
        "must be the ARN of a DynamoDB table",
    ),
    "two-tables": ({**PLAIN, "table": {**TABLE, "name": "other"}}, "must name the same table"),
    "no-ttl": (
        {**PLAIN, "table": {**TABLE, "ttl_attribute": ""}},
        "and table.ttl_attribute must name attributes",
    ),
    "no-range-key": (
        {**PLAIN, "table": {**TABLE, "range_key": ""}},
        "rows are found by sort key under one partition",
    ),
    "preset": ({**PLAIN, "preset": "django"}, "preset is actingweb, or left out"),
    "neither": ({"name": "cleanup", "table": TABLE}, "exactly one of them"),
    "both": ({**with_rules(one=SESSIONS), "preset": "actingweb"}, "exactly one of them"),
    "other-layout": (
        {**PLAIN, "table": {**TABLE, "range_key": "sk"}},
        "is for a table with hash_key id and range_key bucket_name",
    ),
    "rule-name": (with_rules(**{"My-Rule": SESSIONS}), "becomes a key of the result"),
    "kind": (rule(SESSIONS, kind="old"), "A rule's kind is orphan"),
    "partition": (rule(SESSIONS, partition="*"), "the role is held to it"),
    "no-partition": (rule(SESSIONS, partition=""), "written out"),
    "no-scope": (rule(SESSIONS, sort_prefix=None), "or else entire_partition = true"),
    "two-scopes": (rule(SESSIONS, entire_partition=True), "or else entire_partition = true"),
    "misspelt-scope": (
        rule(SESSIONS, sort_prefix=None, sort_prefixes="s#"),
        "or else entire_partition = true",
    ),
    "no-target": (rule(LATE, target=None), "An orphan rule needs target"),
    "wrong-target": (rule(SESSIONS, target=LATE["target"]), "an expired rule has none"),
    "no-proof": (rule(SESSIONS, expires=None), "An expired rule needs expires"),
    "wrong-proof": (rule(LATE, expires=PROOF), "has target_expired instead"),
    "wrong-written-first": (rule(SESSIONS, target_written_first=True), "begins with target_"),
    "wrong-linked": (rule(EARLY, linked=[EARLY["target"]]), "begins with target_"),
    "wrong-ttl-from": (rule(EARLY, ttl_from=PROOF), "begins with target_"),
    "wrong-after": (rule(SESSIONS, ttl_after_target_s=60), "begins with target_"),
    "linked-for-nothing": (rule(EVERYTHING, target_expired=[]), "target_linked needs target_exp"),
    "half-a-key": (rule(LATE, target={"hash_key": "users"}), 'attribute "sort_key" is required'),
    "empty-half": (rule(LATE, target={"hash_key": "", "sort_key": "x"}), "half of a key is empty"),
    "open-brace": (rule(LATE, target={"hash_key": "{user", "sort_key": "x"}), "every brace is"),
    "wrong-part": (
        rule(LATE, target={"hash_key": "u", "sort_key": "{sort_key[-1]}"}),
        "{sort_key[1]} or {sort_key[1:]}",
    ),
    "no-attribute": (rule(SESSIONS, expires=[{"at": ""}]), "A proof names an attribute"),
    "before-its-time": (
        rule(SESSIONS, expires=[{"at": "expires_at", "plus_s": -60}]),
        "a row must not go before its own time",
    ),
    "path-outside": (rule(SESSIONS, expires=[{"at": "data.expires_at"}]), "name data in json_attr"),
    "when-outside": (
        rule(SESSIONS, expires=[{"at": "expires_at", "when": {"data.used": True}}]),
        "name data in json_attr",
    ),
    "template-outside": (
        rule(EARLY, target={"hash_key": "{data.owner}", "sort_key": "x"}),
        "name data in json_attr",
    ),
    "grace": (rule(LATE, grace_s=-1), "grace_s is a whole number of seconds"),
    "no-age": (rule(LATE, created_at=None), "needs created_at"),
    "no-grace": (rule(LATE, grace_s=0), "unless target_written_first = true"),
    "separator": (rule(SESSIONS, separator=""), "separator holds at least one character"),
    "too-many": (
        with_rules(**{f"r{number}": SESSIONS for number in range(21)}),
        "rules holds at most 20",
    ),
    "too-long": (
        with_rules(**{f"r{number}": {**LINKED, "partition": "p" * 300} for number in range(20)}),
        "environment holds at most 4 KiB",
    ),
    "lifetime": (
        {**PLAIN, "lifetimes": {"oauth_session_s": 0}},
        "lifetimes are whole numbers of seconds",
    ),
    "deletes": (limits(max_deletes_per_run=0), "limits.max_deletes_per_run is a whole number"),
    "percent": (limits(max_orphan_percent=0), "limits.max_orphan_percent is above 0"),
    "rate": (limits(max_write_units_per_second=0), "limits.max_write_units_per_second is 1"),
    "threads": (limits(threads=65), "limits.threads is a whole number"),
    "backfill": (
        {**with_rules(one=SESSIONS), "backfill": True},
        "backfill needs a rule with ttl_from",
    ),
    "log-group": (
        {**PLAIN, "application_log": {"log_group_name": "arn:aws:logs:eu-west-1:1:log-group:x"}},
        "is the name of a log group",
    ),
    "log-pattern": (
        {**PLAIN, "application_log": {"log_group_name": "app", "token_messages": ["a/ or /b"]}},
        "application_log.token_messages are texts",
    ),
    "log-nothing": (
        {**PLAIN, "application_log": {"log_group_name": "app", "token_messages": []}},
        "at least one",
    ),
    "cron": (
        {**PLAIN, "schedule": {"expression": "cron(0 4 * * ? *)"}},
        "schedule.interval_minutes is missing",
    ),
    "rate-interval": (
        {**PLAIN, "schedule": {"expression": "rate(1 hour)", "interval_minutes": 60}},
        "goes with a cron expression only",
    ),
    "timeout": ({**PLAIN, "function": {"timeout_s": 30}}, "function.timeout_s is 60 to 900"),
    "log-level": ({**PLAIN, "function": {"log_level": "WARN"}}, "is DEBUG or INFO"),
    "silence": (alarms(silence_hours=169), "1 to 168"),
    "silence-too-short": (alarms(silence_hours=24), "must be longer than alarms.interval_minutes"),
    "errors": (alarms(cleanup_errors=-1), "alarms.cleanup_errors 0 (off)"),
    "items": (alarms(item_count=-1), "alarms.item_count is 0 (off)"),
    "ttl-days": (alarms(ttl_stopped_days=7), "alarms.ttl_stopped_days is 0 (off) to 6"),
    "ttl-never": (
        {
            **PLAIN,
            "schedule": {"expression": "rate(2 days)"},
            "alarms": {"silence_hours": 80},
        },
        "alarms.ttl_stopped_days could never alarm",
    ),
    "ttl-never-cron": (
        {
            **PLAIN,
            "schedule": {"expression": "cron(0 3 ? * 2 *)", "interval_minutes": 10080},
            "alarms": {"silence_hours": 168},
        },
        "alarms.ttl_stopped_days could never alarm",
    ),
    "namespace": ({**PLAIN, "metrics_namespace": "AWS/Mine"}, "does not begin with AWS/"),
    "artifact": ({**PLAIN, "artifact": {}}, "exactly one of path and s3"),
    "altered-zip": (
        {
            **PLAIN,
            "artifact": {"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64},
        },
        "Run `python build.py`",
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("index-cleanup", {name: call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_index_cleanup_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_index_cleanup_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("index-cleanup") if message not in met] == []
