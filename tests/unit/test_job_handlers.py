"""
The handlers as Lambda calls them: what they answer, count and log; bad input writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError, SettingsError
from job_claims import handler, means

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Account

KEY = {"projectUserId": "amelia#scott"}
FUNCTIONS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    name: getattr(handler, name)
    for name in (
        "check_active_job",
        "claim_job",
        "refresh_claim",
        "release_claim",
        "record_interruption",
        "send_interrupt",
        "handle_timeout",
    )
}


@dataclass
class Context:
    """What Lambda gives beside the event."""

    aws_request_id: str = "request-1"
    function_name: str = "jobs-claim"


@dataclass
class Jobs:
    """The functions of one deployment, and what they write."""

    account: Account
    capture: pytest.CaptureFixture[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def call(self, function: str, **event: Any) -> dict[str, Any]:
        """Call a function, and keep its lines."""
        try:
            answer = FUNCTIONS[function](event, Context())
        finally:
            self.lines += [json.loads(line) for line in self.capture.readouterr().out.splitlines()]
        json.dumps(answer)  # as Lambda does
        return answer

    def claim(self, thread: str = "thread-1", message: str = "message-1", **more: Any) -> Any:
        """Claim the key."""
        return self.call("claim_job", **KEY, threadId=thread, messageId=message, **more)

    def check(self, thread: str, **more: Any) -> dict[str, Any]:
        """Ask who works on the key."""
        return self.call("check_active_job", **KEY, threadId=thread, **more)

    def metrics(self) -> list[dict[str, Any]]:
        """Return what was counted, line by line."""
        emitted = [line for line in self.lines if "_aws" in line]
        assert {line["JobClaims"] for line in emitted} <= {"jobs"}
        names = [
            {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
            for line in emitted
        ]
        return [
            {name: line[name][0] for name in sorted(of_line)}
            for line, of_line in zip(emitted, names, strict=True)
        ]


@pytest.fixture
def jobs(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Jobs]:
    """Return functions with tables and queues, and the environment that the module sets."""
    for table, key in (("active-jobs", "projectUserId"), ("interruptions", "messageId")):
        account.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    url = account.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    environment = {
        **account.env(),
        "ACTIVE_JOBS_TABLE": "active-jobs",
        "INTERRUPTIONS_TABLE": "interruptions",
        "DEAD_LETTER_QUEUE_URL": url,
        "QUEUE_TEMPLATE": "jobs-interrupts-{projectId}-{userId}",
        "DEPLOYMENT": "jobs",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the first credentials it saw
    clients = (means._dynamodb, means._queues)  # noqa: SLF001 - they outlive a test
    for client in clients:
        client.cache_clear()
    account.clear_calls()
    yield Jobs(account, capsys)
    for client in clients:
        client.cache_clear()


def test_first_message_is_claimed_and_released(jobs: Jobs) -> None:
    """The answer is what a worker must know; the release is counted with the claim's age."""
    nobody = jobs.check("thread-1")
    claim = jobs.claim()
    owner = {"containerId": claim["containerId"], "fence": claim["fence"]}
    refreshed = jobs.call("refresh_claim", **KEY, **owner)
    released = jobs.call("release_claim", **KEY, **owner, messageId="message-1")

    assert nobody == {
        "active": False,
        "sameThread": False,
        "shouldInterrupt": False,
        "containerId": None,
        "threadId": None,
        "claimedAt": None,
        "expiresAt": None,
        "fence": None,
    }
    assert claim == {
        "claimed": True,
        "refreshed": False,
        **owner,
        "claimedAt": claim["expiresAt"] - 3_600,
        "expiresAt": claim["expiresAt"],
    }
    assert claim["containerId"].startswith(f"container-{claim['claimedAt']}-")
    assert refreshed["refreshed"]
    assert refreshed["expiresAt"] >= claim["expiresAt"]
    assert released == {"released": True}
    assert [sorted(line) for line in jobs.metrics()] == [
        ["Claims"],
        ["Refreshes"],
        ["LeaseAge", "Releases"],
    ]


def test_second_thread_is_told_of_the_holder_and_takes_over(jobs: Jobs) -> None:
    """It is to interrupt; a plain claim is refused with who holds the key."""
    first = jobs.claim()

    seen = jobs.check("thread-2")
    refused = jobs.claim("thread-2", "message-2")
    preempt = {"containerId": seen["containerId"], "fence": seen["fence"]}
    taken = jobs.claim("thread-2", "message-2", preempt=preempt)
    stale = jobs.call("release_claim", **KEY, **preempt)

    assert (seen["active"], seen["sameThread"], seen["shouldInterrupt"]) == (True, False, True)
    assert preempt == {"containerId": first["containerId"], "fence": first["fence"]}
    assert refused == {
        "claimed": False,
        "rateLimited": False,
        "holder": {
            "containerId": first["containerId"],
            "threadId": "thread-1",
            "expiresAt": first["expiresAt"],
        },
        "retryAfterSeconds": refused["retryAfterSeconds"],
    }
    assert 3_600 < refused["retryAfterSeconds"] <= 3_600 + 31
    assert taken["fence"] == first["fence"] + 1
    assert stale["released"] is False
    assert stale["reason"] == "lost"
    assert stale["holder"]["fence"] == taken["fence"]
    assert jobs.metrics() == [
        {"Claims": 1},
        {"ClaimsHeld": 1},
        {"Claims": 1, "Preemptions": 1},
        {"StaleFences": 1},
    ]


def test_same_thread_needs_no_interrupt_and_refreshes(jobs: Jobs) -> None:
    """Container and fence stay."""
    first = jobs.claim()

    seen = jobs.check("thread-1")
    again = jobs.claim(message="message-2")

    assert (seen["active"], seen["sameThread"], seen["shouldInterrupt"]) == (True, True, False)
    assert again["refreshed"]
    assert (again["containerId"], again["fence"]) == (first["containerId"], first["fence"])


def test_older_message_never_interrupts_newer_work(jobs: Jobs) -> None:
    """Newer than the claim's own message is new, though the claim was made later."""
    claimed_at = jobs.claim(messageTimestamp=1_000)["claimedAt"]

    assert jobs.check("thread-2", messageTimestamp=999)["shouldInterrupt"] is False
    assert jobs.check("thread-2", messageTimestamp=1_001)["shouldInterrupt"] is True
    assert jobs.check("thread-2")["shouldInterrupt"] is True
    jobs.claim(message="message-2", messageTimestamp=2_000)
    assert jobs.check("thread-2", messageTimestamp=1_001)["shouldInterrupt"] is False
    jobs.claim(message="message-0", messageTimestamp=500)
    assert jobs.check("thread-2", messageTimestamp=1_999)["shouldInterrupt"] is False
    assert claimed_at > 2_000


def test_older_message_is_held_against_the_claim_where_nothing_else_is_known(jobs: Jobs) -> None:
    """A claim without its message's time was made for a message that was there by then."""
    claimed_at = jobs.claim()["claimedAt"]

    assert jobs.check("thread-2", messageTimestamp=claimed_at - 1)["shouldInterrupt"] is False
    assert jobs.check("thread-2", messageTimestamp=claimed_at + 1)["shouldInterrupt"] is True


def test_rate_limited_claim_says_when_to_come_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh does not count."""
    monkeypatch.setenv("RATE_LIMIT_CLAIMS", "1")
    monkeypatch.setenv("RATE_LIMIT_WINDOW_SECONDS", "86400")
    claim = jobs.claim()
    assert jobs.claim(message="message-2")["refreshed"]
    jobs.call("release_claim", **KEY, containerId=claim["containerId"], fence=claim["fence"])

    limited = jobs.claim()

    assert limited == {
        "claimed": False,
        "rateLimited": True,
        "retryAfterSeconds": limited["retryAfterSeconds"],
    }
    assert 0 < limited["retryAfterSeconds"] <= 86_400
    assert jobs.metrics()[-1] == {"ClaimsRateLimited": 1}


def test_interruption_is_recorded_and_sent(jobs: Jobs) -> None:
    """Without a queue it is said, and counted: a dead container must not block new work."""
    event = {**KEY, "containerId": "container-1", "newThreadId": "thread-2", "messageId": "m"}
    gone = jobs.call("send_interrupt", **event)
    url = jobs.account.client("sqs").create_queue(QueueName="jobs-interrupts-amelia-scott")
    sent = jobs.call("send_interrupt", **event)
    recorded = {"messageId": "m", "interruptedContainer": "container-1", "newThreadId": "thread-2"}
    records = [jobs.call("record_interruption", **recorded, reason=r) for r in ("first", "second")]

    [message] = jobs.account.client("sqs").receive_message(QueueUrl=url["QueueUrl"])["Messages"]
    body = json.loads(message["Body"])
    assert gone == {"sent": False, "reason": "no_queue"}
    assert sent == {"sent": True, "queue": "jobs-interrupts-amelia-scott"}
    assert body == {
        "type": "INTERRUPT",
        "containerId": "container-1",
        "newThreadId": "thread-2",
        "interruptingMessageId": "m",
        "timestamp": body["timestamp"],
        "reason": "new_message",
    }
    assert records[0] == records[1]
    assert records[0] == {
        **recorded,
        "reason": "first",
        "recordId": records[0]["recordId"],
        "timestamp": records[0]["timestamp"],
        "ttl": records[0]["timestamp"] + 30 * 86_400,
    }
    assert jobs.metrics() == [
        {"InterruptsWithoutQueue": 1},
        {"Interrupts": 1},
        {"Interruptions": 1},
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_input_is_one_error_and_nothing_is_written(jobs: Jobs, function: str) -> None:
    """One line of the log has it, too."""
    with pytest.raises(EventError, match="unknown key 'x'"):
        jobs.call(function, x=1)

    assert [(line["error"], line["message"]) for line in jobs.lines] == [("EventError", "failed")]
    assert jobs.account.calls() == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_missing_environment_is_one_error_and_nothing_is_done(
    jobs: Jobs, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each function needs its own variables, and no other's."""
    needed = {
        "record_interruption": {"INTERRUPTIONS_TABLE"},
        "send_interrupt": {"QUEUE_TEMPLATE"},
        "handle_timeout": {"ACTIVE_JOBS_TABLE", "INTERRUPTIONS_TABLE", "DEAD_LETTER_QUEUE_URL"},
    }.get(function, {"ACTIVE_JOBS_TABLE"})
    for name in (
        "ACTIVE_JOBS_TABLE",
        "INTERRUPTIONS_TABLE",
        "DEAD_LETTER_QUEUE_URL",
        "QUEUE_TEMPLATE",
    ):
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError) as caught:
        jobs.call(function)

    assert {problem.partition(" ")[0] for problem in caught.value.problems} == needed
    assert jobs.account.calls() == []
