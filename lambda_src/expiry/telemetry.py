"""
Log JSON lines and emit metrics, each metric under exactly the dimensions that its alarm reads.

Powertools Logger and Metrics are all that is imported of Powertools: its other parts cost
hundreds of milliseconds of cold start. CloudWatch does not aggregate over dimensions, so
``metrics.json`` beside each handler is the one table of metric and dimensions, for Python and HCL.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Self

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class _StandardOutput(logging.Handler):
    """Writes to what standard output is now, not to what it was when the first run began."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(f"{self.format(record)}\n")


@cache
def _output_of(service: str) -> _StandardOutput:
    """Make one handler a service: Powertools formats only the one that it was first given."""
    output = _StandardOutput()
    output.set_name(service)
    return output


def logger_for(service: str, run_id: str) -> Logger:
    """Make the logger of one run; every line carries *run_id* as its correlation id."""
    logger = Logger(
        service=service,
        logger_handler=_output_of(service),
        serialize_stacktrace=False,  # the line has it as text already
    )
    logger.set_correlation_id(run_id)
    return logger


@contextmanager
def failures_logged(logger: Logger) -> Iterator[None]:
    """Log what ends a run as one JSON line, and let it go on to Lambda, who counts it."""
    try:
        yield
    except Exception as error:
        logger.exception("failed", extra={"error": type(error).__name__, "reason": str(error)})
        raise


@dataclass(frozen=True, slots=True)
class MetricTable:
    """The metrics of one handler, as its ``metrics.json`` lists them."""

    namespace: str
    dimensions: tuple[str, ...]  # of every metric that has none of its own
    units: Mapping[str, str]
    own_dimensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by metric

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the table; it is a file of the package, so a fault in it is a fault of ours."""
        table = json.loads(path.read_text(encoding="utf-8"))
        metrics = table["metrics"]
        return cls(
            table["namespace"],
            tuple(table["dimensions"]),
            {name: metric["unit"] for name, metric in metrics.items()},
            {name: tuple(m["dimensions"]) for name, m in metrics.items() if "dimensions" in m},
        )

    def dimensions_of(self, metric: str) -> tuple[str, ...]:
        """Return the dimensions under which an alarm looks for *metric*."""
        return self.own_dimensions.get(metric, self.dimensions)


@dataclass(frozen=True, slots=True)
class Emitter:
    """Writes metrics of one table under one set of dimension values."""

    table: MetricTable
    dimensions: Mapping[str, str]
    namespace: str

    def __post_init__(self) -> None:
        """Refuse other dimensions than the table's: no alarm would see the metrics."""
        known = {self.table.dimensions, *self.table.own_dimensions.values()}
        if tuple(self.dimensions) not in known:
            raise ValueError(f"dimensions are {self.table.dimensions}, not {self.dimensions}")

    def emit(self, values: Mapping[str, float]) -> None:
        """
        Write *values* as one line in embedded metric format.

        Raises:
            KeyError: A metric is not in the table, so no alarm could know it.
            ValueError: A metric has other dimensions, so no alarm would see it here.
        """
        given = tuple(self.dimensions)
        if strange := [name for name in values if self.table.dimensions_of(name) != given]:
            raise ValueError(f"{', '.join(strange)}: not under the dimensions {given}")
        metrics = EphemeralMetrics(namespace=self.namespace)
        metrics.service = ""  # else POWERTOOLS_SERVICE_NAME would add a dimension of its own
        for name, value in self.dimensions.items():
            metrics.add_dimension(name=name, value=value)
        for name, number in values.items():
            metrics.add_metric(name=name, unit=self.table.units[name], value=number)
        metrics.flush_metrics()
