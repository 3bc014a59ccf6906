"""
The functions' settings: a table's name is enough, and every fault is named before anything runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import SettingsError
from job_claims.fields import JobKey
from job_claims.queues import QueueTemplate
from job_claims.request import InterruptRequest
from job_claims.settings import (
    Attributes,
    ClaimSettings,
    MetricSettings,
    RateLimit,
    RecordSettings,
    TimeoutSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = {"ACTIVE_JOBS_TABLE": "active-jobs"}
ALL = {
    **TABLE,
    "INTERRUPTIONS_TABLE": "interruptions",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/failed",
}


def refusal(read: Callable[[Any], Any], **variables: str) -> str:
    """Return the message of the error in which settings have to end."""
    with pytest.raises(SettingsError) as caught:
        read({**ALL, **variables})
    return str(caught.value)


def test_settings_of_claims_need_a_table_only() -> None:
    """Everything else has the documented default."""
    assert ClaimSettings.from_env(TABLE) == ClaimSettings(
        table="active-jobs",
        attributes=Attributes(),
        lease_s=3_600,
        clock_skew_s=30,
        fence_retention_s=604_800,
        rate=RateLimit(0, 60),
    )


def test_settings_of_records_and_timeouts_need_their_names_only() -> None:
    """A function that records knows no claims."""
    assert RecordSettings.from_env(ALL) == RecordSettings("interruptions", 30 * 86_400)
    assert TimeoutSettings.from_env(ALL).claims == ClaimSettings.from_env(TABLE)


def test_settings_of_timeouts_name_all_that_is_missing() -> None:
    """One error, so that one correction is enough."""
    message = refusal(lambda _: TimeoutSettings.from_env({}))

    assert all(f"{name} is not set" in message for name in ALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACTIVE_JOBS_TABLE", "a b"),
        ("LEASE_SECONDS", "119"),
        ("LEASE_SECONDS", "1h"),
        ("CLOCK_SKEW_SECONDS", "-1"),
        ("FENCE_RETENTION_DAYS", "0"),
        ("RATE_LIMIT_CLAIMS", "-1"),
        ("RATE_LIMIT_WINDOW_SECONDS", "0"),
    ],
)
def test_settings_of_claims_out_of_their_limits_are_refused(name: str, value: str) -> None:
    """A lease of less than two minutes is of the size of what clocks differ by."""
    assert name in refusal(ClaimSettings.from_env, **{name: value})


@pytest.mark.parametrize(
    "names",
    [
        "[]",
        "{",
        '{"fence": 1}',
        '{"fence": ""}',
        '{"token": "x"}',
        '{"fence": "ttl"}',
        '{"threadId": "messages"}',
        '{"threadId": "messageTimestamp"}',
        '{"threadId": "rateWindow"}',
        '{"threadId": "rate07"}',
    ],
)
def test_settings_of_attributes_that_cannot_be_are_refused(names: str) -> None:
    """Two of one name, or one of the claims' own, would overwrite each other."""
    assert "ATTRIBUTES" in refusal(ClaimSettings.from_env, ATTRIBUTES=names)


def test_settings_of_attributes_rename_what_they_name() -> None:
    """All others keep their names."""
    names = json.dumps({"projectUserId": "pk", "fence": "token"})

    assert ClaimSettings.from_env({**TABLE, "ATTRIBUTES": names}).attributes == Attributes(
        key="pk", fence="token"
    )


def test_settings_of_metrics_stand_on_the_function_s_name() -> None:
    """The module gives all functions of a deployment one value."""
    assert MetricSettings.from_env({}, "claim").deployment == "claim"
    assert MetricSettings.from_env({"DEPLOYMENT": "jobs"}, "claim").deployment == "jobs"


@pytest.mark.parametrize(
    "template",
    ["", "interrupts", "x-{projectId}-{other}", "x y {projectId}", "x/{projectId}", "{projectId"],
)
def test_queue_template_that_names_no_queue_is_refused(template: str) -> None:
    """One queue for all would stop everybody; a name that cannot be would stop nobody."""
    assert "QUEUE_TEMPLATE" in refusal(QueueTemplate.from_env, QUEUE_TEMPLATE=template)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("jobs-{projectId}-{userId}", "jobs-amelia-scott"),
        ("{containerId}.fifo", "container-1.fifo"),
        ("jobs-{projectId}-{projectId}", "jobs-amelia-amelia"),
    ],
)
def test_queue_template_names_a_container_s_queue(template: str, name: str) -> None:
    """By project, user and container."""
    request = InterruptRequest(JobKey("amelia", "scott"), "container-1", "t", "m", "r")

    assert QueueTemplate.parse(template).name(request) == name


@pytest.mark.parametrize("user", ["scott@example.com", "s" * 80, "{projectId}"])
def test_queue_that_cannot_be_is_none(user: str) -> None:
    """No queue can be called so: that is an answer, and what a value holds is no place."""
    request = InterruptRequest(JobKey("amelia", user), "container-1", "t", "m", "r")

    assert QueueTemplate.parse("jobs-{userId}").name(request) is None
