"""The calls of the module `schedule` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:jobs"
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:jobs"
QUEUE = {"arn": "arn:aws:sqs:eu-west-1:111122223333:jobs-dead-letters"}
PLAIN: Arguments = {
    "name": "jobs",
    "schedule": {"expression": "rate(1 hour)"},
    "target": {"function": {"arn": FUNCTION}},
    "dead_letter_queue": QUEUE,
}


def when(expression: str, **more: object) -> Arguments:
    """Return a call with this expression."""
    return {**PLAIN, "schedule": {"expression": expression, **more}}
