"""What the module `ttl-monitor` refuses, each mistake with its remedy."""

from __future__ import annotations

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.ttl_monitor_calls import BUCKET, PLAIN, TABLE

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "no-table": ({"name": "ttl", "environment": "prod"}, 'argument "table" is required'),
    "environment": ({**PLAIN, "environment": ""}, "1 to 64 letters, digits"),
    "index-arn": (
        {**PLAIN, "table": {**TABLE, "arn": TABLE["arn"] + "/index/x"}},
        "must be the ARN of a DynamoDB table",
    ),
    "two-tables": ({**PLAIN, "table": {**TABLE, "name": "other"}}, "must name the same table"),
    "no-ttl": ({**PLAIN, "table": {**TABLE, "ttl_attribute": " "}}, "without a TTL attribute"),
    "id-no-key": (
        {**PLAIN, "key": {"item_id_attribute": "user_id"}},
        "must be the table's hash key or range key",
    ),
    "separator": ({**PLAIN, "key": {"user_separator": ""}}, "at least one character"),
    "threshold": ({**PLAIN, "thresholds": {"expired_count": -1}}, "are 0 (off) or more"),
    "segments": ({**PLAIN, "scan": {"segments": 65}}, "a whole number, 1 to 64"),
    "sample": ({**PLAIN, "scan": {"sample_percent": 0.002}}, "0.003 to 100"),
    "rate": ({**PLAIN, "scan": {"max_read_units_per_second": -1}}, "0 (no limit)"),
    "prefix": (
        {**PLAIN, "export": {"bucket": BUCKET, "prefix": "/reports"}},
        "must end with a slash",
    ),
    "timeout": ({**PLAIN, "function": {"timeout_s": 10}}, "function.timeout_s is 30 to 900"),
    "log-level": ({**PLAIN, "function": {"log_level": "WARN"}}, "is DEBUG or INFO"),
    "silence": ({**PLAIN, "alarms": {"silence_hours": 169}}, "1 to 168"),
    "silence-too-short": (
        {**PLAIN, "schedule": {"expression": "rate(1 day)"}},
        "must be longer than alarms.interval_minutes",
    ),
    "silence-in-the-window": (
        {**PLAIN, "schedule": {"flexible_window_minutes": 120}},
        "schedule.flexible_window_minutes together",
    ),
    "other-region": (
        {**PLAIN, "table": {**TABLE, "arn": TABLE["arn"].replace("eu-west-1", "us-east-1")}},
        "a provider of the table's own Region",
    ),
    "other-account": (
        {**PLAIN, "table": {**TABLE, "arn": TABLE["arn"].replace("111122223333", "444455556666")}},
        "a provider of the table's own Region",
    ),
    "error-rate": (
        {**PLAIN, "thresholds": {"error_rate_percent": 100}},
        "thresholds.error_rate_percent is 0 (off) to below 100",
    ),
    "cron-unknown": (
        {**PLAIN, "schedule": {"expression": "cron(0 6 * * ? *)"}},
        "schedule.interval_minutes is missing",
    ),
    "rate-twice": (
        {**PLAIN, "schedule": {"expression": "rate(1 hour)", "interval_minutes": 60}},
        "a rate says it itself",
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
    return refusals("ttl-monitor", {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_ttl_monitor_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_ttl_monitor_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("ttl-monitor") if message not in met] == []
