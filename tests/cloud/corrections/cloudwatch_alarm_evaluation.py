"""
Alarms are evaluated as CloudWatch documents it, when asked or when the clock runs.

AWS: each minute, over N periods that end now, on exactly the alarm's dimensions and unit, metric
math included, M breaching datapoints of N, gaps treated as the alarm says. 1.5.33: only when a
metric or an alarm is put, over one window of all dimension sets together, without M of N, missing
data or metric math; an alarm on silence never fires.
Upstream needs: this evaluation, on a timer.
"""

from __future__ import annotations

import time
from typing import Any

from tests.cloud import alarms, emulator, metric_math, metrics
from tests.cloud.doors import door

MOMENT_S = 0.001  # what was put right now belongs to the period that ends now


def apply() -> None:
    """Take the emulator's own evaluation out; ours is asked for, or driven by the clock."""
    emulator.wrap(
        emulator.module("services.cloudwatch"), "_evaluate_alarm", lambda _: lambda _alarm: None
    )


@door("evaluate-alarms")
def evaluate_alarms(at: float | None = None) -> dict[str, str]:
    """
    Evaluate the metric alarms at a time, now by default; return every alarm's state.

    One that needs what is not emulated keeps its state, and is told as UNSUPPORTED with the reason.
    """
    cloudwatch = emulator.module("services.cloudwatch")
    unsupported = {}
    for alarm in list(cloudwatch._alarms.values()):
        try:
            evaluate(alarm, at or time.time())
        except metric_math.MetricMathError as error:
            unsupported[alarm["AlarmName"]] = f"UNSUPPORTED: {error}"
    both = [*cloudwatch._alarms.values(), *cloudwatch._composite_alarms.values()]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in both} | unsupported


def evaluate(alarm: dict[str, Any], at_s: float) -> None:
    """
    Evaluate one alarm; record and announce a change of its state.

    Raises:
        MetricMathError: It needs what is not emulated, such as an anomaly detection band.
    """
    if alarm["ComparisonOperator"] not in alarms.COMPARISONS:
        raise metric_math.MetricMathError(alarm["ComparisonOperator"])
    rule = alarms.Rule(
        comparison=alarm["ComparisonOperator"],
        threshold=alarm.get("Threshold", 0.0),
        periods=alarm["EvaluationPeriods"],
        datapoints_to_alarm=alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        missing=alarm.get("TreatMissingData") or "missing",
    )
    values = metrics.alarm_series(alarm, at_s + MOMENT_S, rule.range)
    old, new = alarm["StateValue"], alarms.decide(rule, values, alarm["StateValue"])
    if new == old:
        return
    cloudwatch = emulator.module("services.cloudwatch")
    newest = [value for value in values if value is not None][-rule.periods :]
    reason = (
        f"{len(newest)} datapoints {newest} of {rule.periods}, {rule.datapoints_to_alarm} to alarm,"
        f" against {rule.comparison} {rule.threshold}; missing data is {rule.missing}."
    )
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
