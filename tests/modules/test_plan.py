"""The plans' own promise: every call is told its own fate."""

from __future__ import annotations

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.plan import PlanError, plan_variants, refusals

SAMPLE = "tests/modules/sample"


def test_refusals_of_every_stage_reach_their_own_call() -> None:
    """Each refused call is told its own errors, whatever stage it falls in, and no other's."""
    reasons = refusals(
        SAMPLE,
        {
            "accepted": {"name": "jobs"},
            "misspelt": {"name": "jobs", "wiat": {}},
            "missing": {},
            "mistyped": {"name": "jobs", "wait": {"seconds": []}},
            "literal": {"name": "JOBS"},
            "object": {"name": "jobs", "wait": {"seconds": 0}},
            "across": {"name": "impatient"},
            "precondition": {"name": "forbidden"},
        },
    )

    assert reasons.pop("accepted") == ""
    expected = {
        "misspelt": 'No argument or block type is named "wiat"',
        "missing": 'The argument "name" is required',
        "mistyped": "number required",
        "literal": "name must be lower case.",
        "object": "wait.seconds must be positive.",
        "across": "wait.seconds must be positive.",
        "precondition": "That name is taken.",
    }
    assert expected.keys() == reasons.keys()
    for call, text in expected.items():
        assert text in reasons[call]
        assert reasons[call].count("\n\n") <= 1


def test_plan_variants_returns_each_call_apart_with_its_warnings() -> None:
    """Values, outputs and warnings are each call's own; what is unknown is left out."""
    planned = plan_variants(
        SAMPLE, {"one": {"name": "one"}, "long": {"name": "long-name"}}, region="cn-north-1"
    )

    queue = planned["long"].resource("aws_sqs_queue.this")
    assert queue["name"] == f"long-name-{ACCOUNT}"
    assert queue["tags"] == {"partition": "aws-cn"}
    assert "arn" not in queue
    assert planned["long"].outputs == {"queue": {"name": f"long-name-{ACCOUNT}"}}
    assert planned["long"].warnings == ()
    assert planned["one"].outputs == {"queue": {"name": f"one-{ACCOUNT}"}}
    assert planned["one"].warnings == ("Check block assertion failed: name is short.",)
    assert planned["one"].of_type("aws_sqs_queue").keys() == {"aws_sqs_queue.this"}


def test_plan_variants_refused_call_fails_with_its_name() -> None:
    """A call that had to be accepted fails the test that planned it, and says which it was."""
    with pytest.raises(PlanError, match=r"loud: .*name must be lower case"):
        plan_variants(SAMPLE, {"fine": {"name": "fine"}, "loud": {"name": "LOUD"}})


def test_refusals_error_of_no_call_fails() -> None:
    """An error outside the calls is never taken for a refusal."""
    shared = 'resource "aws_sqs_queue" "broken" { name = [] }'

    with pytest.raises(PlanError, match="None: "):
        refusals(SAMPLE, {"loud": {"name": "LOUD"}}, shared=shared)
