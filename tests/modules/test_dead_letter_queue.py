"""What the module `dead-letter-queue` promises: dead letters are kept, private, and noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, PlannedModule, plan_variants, refusals

TOPIC = "arn:aws:sns:eu-west-1:111122223333:operators"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
SOURCE = "arn:aws:sqs:eu-west-1:111122223333:jobs"
RULE = "arn:aws:events:eu-west-1:111122223333:rule/jobs"
ALARMS = {"topic_arns": [TOPIC]}
PLAIN: Arguments = {"name": "jobs", "alarms": ALARMS}

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "unheard": {"name": "jobs"},
    "key": {**PLAIN, "kms_key_arn": KEY},
    "new-key": {**PLAIN, "kms_key_arn": "${aws_kms_key.new.arn}"},
    "sources": {**PLAIN, "source_queue_arns": [SOURCE]},
    "cycle": {**PLAIN, "source_queue_arns": ["${aws_sqs_queue.source.arn}"]},
    "senders": {
        **PLAIN,
        "senders": [{"service": "events.amazonaws.com", "source_arns": [RULE]}],
    },
    "fifo": {**PLAIN, "queue": {"fifo": True, "retention_days": 7, "visibility_timeout_s": 60}},
    "long": {**PLAIN, "name": "n" * 100},
    "long-fifo": {**PLAIN, "name": "n" * 100, "queue": {"fifo": True}},
    "loose": {"name": "jobs", "alarms": {**ALARMS, "message_count": 5, "oldest_message_hours": 0}},
    "alarms-off": {"name": "jobs", "alarms": {"enabled": False}},
}
# A source names the dead-letter queue, which names its sources: no cycle.
SHARED = """
resource "aws_kms_key" "new" {}

resource "aws_sqs_queue" "source" {
  name           = "source"
  redrive_policy = jsonencode({ deadLetterTargetArn = module.cycle.queue.arn, maxReceiveCount = 3 })
}
"""

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({"name": "a b"}, "name starts with a letter or digit"),
    "too-long": ({**PLAIN, "queue": {"retention_days": 15}}, "retention_days is 1 to 14"),
    "visibility": ({**PLAIN, "queue": {"visibility_timeout_s": 43201}}, "visibility_timeout_s is"),
    "source": ({**PLAIN, "source_queue_arns": ["jobs"]}, "whole ARNs of SQS queues"),
    "any-source": ({**PLAIN, "source_queue_arns": [SOURCE + "*"]}, "without wildcards"),
    "eleven-sources": ({**PLAIN, "source_queue_arns": [SOURCE] * 11}, "at most ten queues"),
    "sender": (
        {**PLAIN, "senders": [{"service": "events", "source_arns": [RULE]}]},
        "service is a service principal",
    ),
    "any-sender": (
        {**PLAIN, "senders": [{"service": "events.amazonaws.com", "source_arns": []}]},
        "names the whole ARNs",
    ),
    "wild-sender": (
        {**PLAIN, "senders": [{"service": "events.amazonaws.com", "source_arns": ["*"]}]},
        "names the whole ARNs",
    ),
    "key": ({**PLAIN, "kms_key_arn": "alias/mine"}, "ARN of a KMS key"),
    "negative": ({**PLAIN, "alarms": {"message_count": -1}}, "0 (off) or more"),
    "alarm-after-the-end": (
        {**PLAIN, "queue": {"retention_days": 1}, "alarms": {"oldest_message_hours": 24}},
        "must lie below queue.retention_days",
    ),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("dead-letter-queue", ACCEPTED, shared=SHARED)


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    calls = {name: arguments for name, (arguments, _) in REFUSED.items()}
    return refusals("dead-letter-queue", calls)


def policy_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return the queue policy's statements by their Sid."""
    policy = json.loads(module.resource("aws_sqs_queue.this")["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def redrive_of(module: PlannedModule) -> Any:
    """Return which queues may name this one as theirs."""
    resource = module.resource("aws_sqs_queue_redrive_allow_policy.this")
    return json.loads(resource["redrive_allow_policy"])


@pytest.mark.parametrize("case", REFUSED)
def test_queue_wrong_argument_is_refused_with_a_remedy(case: str, refused: dict[str, str]) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_queue_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [
        message for message in refusal_messages("dead-letter-queue") if message not in met
    ] == []


def test_queue_defaults_keep_longest_and_encrypt(planned: dict[str, PlannedModule]) -> None:
    """By default a letter waits 14 days, encrypted by SQS, in a standard queue."""
    queue = planned["plain"].resource("aws_sqs_queue.this")

    expected = {
        "name": "jobs-dead-letters",
        "fifo_queue": False,
        "message_retention_seconds": 14 * 86400,
        "sqs_managed_sse_enabled": True,
        "kms_master_key_id": None,
    }
    assert expected == {key: queue[key] for key in expected}


def test_queue_policy_refuses_plain_http_and_lets_nobody_in(
    planned: dict[str, PlannedModule],
) -> None:
    """The policy only denies by default; who sends does so under a role of its own."""
    statements = policy_of(planned["plain"])

    assert statements == {
        "TlsOnly": {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "arn:aws:sqs:eu-west-1:111122223333:jobs-dead-letters",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    }


def test_queue_sender_is_let_in_for_its_own_resource_only(
    planned: dict[str, PlannedModule],
) -> None:
    """A service may send, and only for the resource that is named."""
    statements = policy_of(planned["senders"])

    assert statements.keys() == {"TlsOnly", "Sender0"}
    sender = statements["Sender0"]
    assert (sender["Effect"], sender["Action"]) == ("Allow", "sqs:SendMessage")
    assert sender["Principal"] == {"Service": "events.amazonaws.com"}
    assert sender["Condition"] == {"ArnEquals": {"aws:SourceArn": [RULE]}}


def test_queue_customer_key_replaces_own_encryption(planned: dict[str, PlannedModule]) -> None:
    """With a key the queue uses it, and tells those who send."""
    queue = planned["key"].resource("aws_sqs_queue.this")

    assert queue["kms_master_key_id"] == KEY
    assert queue.get("sqs_managed_sse_enabled") is None
    assert planned["key"].outputs["queue"]["kms_key_arn"] == KEY


def test_queue_key_made_in_the_same_plan_is_accepted(planned: dict[str, PlannedModule]) -> None:
    """A key that does not exist yet is no obstacle."""
    assert planned["new-key"].resource("aws_sqs_queue.this")["name"] == "jobs-dead-letters"


def test_queue_without_sources_denies_every_redrive(planned: dict[str, PlannedModule]) -> None:
    """No queue may send its dead letters here unless it is named."""
    assert redrive_of(planned["plain"]) == {"redrivePermission": "denyAll"}
    assert redrive_of(planned["sources"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [SOURCE],
    }


def test_queue_source_that_names_it_back_makes_no_cycle(planned: dict[str, PlannedModule]) -> None:
    """Source and dead-letter queue may name each other in one configuration."""
    assert "aws_sqs_queue_redrive_allow_policy.this" in planned["cycle"].resources


def test_queue_fifo_has_its_suffix_and_settings(planned: dict[str, PlannedModule]) -> None:
    """A FIFO queue is named as SQS asks, and takes the caller's times."""
    queue = planned["fifo"].resource("aws_sqs_queue.this")

    assert (queue["name"], queue["fifo_queue"]) == ("jobs-dead-letters.fifo", True)
    assert queue["message_retention_seconds"] == 7 * 86400
    assert queue["visibility_timeout_seconds"] == 60


@pytest.mark.parametrize(("case", "end"), [("long", ""), ("long-fifo", ".fifo")])
def test_queue_long_name_is_shortened_to_fit(
    case: str, end: str, planned: dict[str, PlannedModule]
) -> None:
    """A name over SQS's 80 characters is cut, suffix included."""
    name = planned[case].resource("aws_sqs_queue.this")["name"]

    assert len(name) == 80
    assert name.endswith(end)


def test_queue_alarms_on_first_letter_and_on_age(planned: dict[str, PlannedModule]) -> None:
    """One letter alarms at once, and again when nobody has looked for a day."""
    alarms = planned["plain"].of_type("aws_cloudwatch_metric_alarm").values()
    found = {alarm["alarm_name"]: alarm for alarm in alarms}

    assert found.keys() == {"jobs-dead-letters-messages", "jobs-dead-letters-oldest-message"}
    messages = found["jobs-dead-letters-messages"]
    oldest = found["jobs-dead-letters-oldest-message"]
    assert (messages["metric_name"], messages["threshold"], messages["comparison_operator"]) == (
        "ApproximateNumberOfMessagesVisible",
        1,
        "GreaterThanOrEqualToThreshold",
    )
    assert (oldest["metric_name"], oldest["threshold"]) == ("ApproximateAgeOfOldestMessage", 86400)
    for alarm in found.values():
        assert alarm["dimensions"] == {"QueueName": "jobs-dead-letters"}
        assert (alarm["namespace"], alarm["statistic"]) == ("AWS/SQS", "Maximum")
        assert alarm["alarm_actions"] == [TOPIC]


def test_queue_zero_threshold_switches_one_alarm_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 takes its own alarm away; `enabled = false` takes all."""
    [alarm] = planned["loose"].of_type("aws_cloudwatch_metric_alarm").values()

    assert (alarm["alarm_name"], alarm["threshold"]) == ("jobs-dead-letters-messages", 5)
    assert planned["alarms-off"].of_type("aws_cloudwatch_metric_alarm") == {}


def test_queue_alarms_with_nobody_to_tell_warn(planned: dict[str, PlannedModule]) -> None:
    """The plan warns where alarms are on and no topic is given, and only there."""
    assert len(planned["unheard"].warnings) == 1
    assert "Nobody is told" in planned["unheard"].warnings[0]
    assert planned["plain"].warnings == ()
    assert planned["alarms-off"].warnings == ()


def test_queue_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""
    planned = plan_variants(
        "dead-letter-queue", {"china": {"name": "jobs"}}, region="cn-northwest-1"
    )

    assert policy_of(planned["china"])["TlsOnly"]["Resource"] == (
        "arn:aws-cn:sqs:cn-northwest-1:111122223333:jobs-dead-letters"
    )
