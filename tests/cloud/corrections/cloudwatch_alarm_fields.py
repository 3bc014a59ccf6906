"""
An alarm keeps what it was given, and nothing else.

AWS: a metric math alarm has ``Metrics`` and neither MetricName, Statistic nor Period; an alarm on a
percentile has ExtendedStatistic and no Statistic. 1.5.33: forgets ``Metrics``, ThresholdMetricId
and EvaluateLowSampleCountPercentile, and makes up ``Statistic = Average`` and ``Period = 60``.
Upstream needs: to store the request's own fields.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator

FORGOTTEN = ("Metrics", "ThresholdMetricId", "EvaluateLowSampleCountPercentile")
MADE_UP = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Threshold")


def apply() -> None:
    """Mend the stored alarm after each PutMetricAlarm."""
    emulator.wrap(emulator.module("services.cloudwatch"), "_put_metric_alarm", keeping)


def keeping(put: Any) -> Any:
    """Return *put* that stores the request's fields as they came."""

    def put_metric_alarm(params: Any, request: Any, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - the emulator's own signature
        answer = put(params, request, is_cbor, is_json)
        alarm = emulator.module("services.cloudwatch")._alarms.get(request.get("AlarmName"))
        if answer[0] == 200 and alarm is not None:
            alarm.update({name: request[name] for name in FORGOTTEN if request.get(name)})
            for name in MADE_UP:
                if request.get(name) is None:
                    alarm.pop(name, None)
        return answer

    return put_metric_alarm
