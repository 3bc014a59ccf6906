"""
Decide alarm states as CloudWatch documents it: M out of N, with four ways to treat gaps.

Source: "Using Amazon CloudWatch alarms", the section on how missing data is treated and its two
tables, which the tests hold this to.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.metric_math import Series

# CloudWatch looks further back than N periods, so that one late datapoint changes nothing. It does
# not say how far; its examples for three periods use five.
EXTRA_PERIODS = 2

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What of an alarm decides its state."""

    comparison: str
    threshold: float
    periods: int  # N
    datapoints_to_alarm: int  # M
    missing: str  # missing | ignore | breaching | notBreaching

    @property
    def range(self) -> int:
        """How many periods to look at, the newest ones."""
        return self.periods + EXTRA_PERIODS

    def breaches(self, value: float) -> bool:
        """Tell whether a datapoint is on the wrong side of the threshold."""
        return not math.isnan(value) and COMPARISONS[self.comparison](value, self.threshold)


def decide(rule: Rule, series: Series, state: str) -> str:
    """Return the state that follows *state* on *series*, ``rule.range`` periods, oldest first."""
    real = [value for value in series if value is not None][-rule.periods :]
    filled = rule.periods - len(real)
    breaching = sum(rule.breaches(value) for value in real)
    if not filled or rule.missing in {"breaching", "notBreaching"}:
        breaching += filled if rule.missing == "breaching" else 0
        return "ALARM" if breaching >= rule.datapoints_to_alarm else "OK"
    if not real:
        return "INSUFFICIENT_DATA" if rule.missing == "missing" else state
    if breaching >= rule.datapoints_to_alarm:
        return "ALARM"
    if breaching < len(real):
        return "OK"
    return "ALARM" if rule.missing == "missing" else state
