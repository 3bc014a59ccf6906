"""Metric math gives what CloudWatch documents, and refuses what it does not know."""

from __future__ import annotations

import pytest

from tests.cloud.metric_math import MetricMathError, Series, evaluate

METRICS: dict[str, Series] = {
    "errors": [1.0, None, 0.0, 2.0],
    "runs": [4.0, 5.0, 0.0, None],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("errors + runs", [5.0, None, 0.0, None]),
        ("100 * errors / runs", [25.0, None, None, None]),
        ("FILL(errors, 0)", [1.0, 0.0, 0.0, 2.0]),
        ("FILL(errors, REPEAT)", [1.0, 1.0, 0.0, 2.0]),
        ("FILL(errors, runs)", [1.0, 5.0, 0.0, 2.0]),
        ("DIFF(errors)", [None, None, None, 2.0]),
        ("DIFF(FILL(errors, REPEAT))", [None, 0.0, -1.0, 2.0]),
        ("IF(runs > 0, 100 * FILL(errors, 0) / runs, 0)", [25.0, 0.0, 0.0, None]),
        ("IF(runs >= 5, errors)", [None, None, None, None]),
        ("IF(errors > 0 AND runs > 0, 1, 0)", [1.0, None, 0.0, None]),
        ("errors > 0 || runs > 4", [1.0, None, 0.0, None]),
        ("NOT errors", [0.0, None, 1.0, 0.0]),
        ("SUM([errors, runs])", [5.0, 5.0, 0.0, 2.0]),
        ("MAX(METRICS())", [4.0, 5.0, 0.0, 2.0]),
        ("AVG([errors, runs])", [2.5, 5.0, 0.0, 2.0]),
        ("SUM(FILL(METRICS(), 1))", [5.0, 6.0, 0.0, 3.0]),
        ("errors * 0 + SUM(errors)", [3.0, None, 3.0, 3.0]),
        ("-errors", [-1.0, None, -0.0, -2.0]),
        ("errors ^ 2", [1.0, None, 0.0, 4.0]),
        ("CEIL(errors / 4)", [1.0, None, 0.0, 1.0]),
        ("TIME_SERIES(7)", [7.0] * 4),
        ("other - 1", [0.0] * 4),
    ],
)
def test_evaluate_expression_gives_series(expression: str, expected: Series) -> None:
    """Operators work period by period; a gap or a division by zero is a gap."""
    assert evaluate(expression, METRICS, 4, {"other": [1.0] * 4}) == expected


@pytest.mark.parametrize(
    "expression", ["SEARCH('x')", "errors +", "unknown * 2", "METRICS()", "errors.x", "1 / 0"]
)
def test_evaluate_unsupported_expression_is_an_error(expression: str) -> None:
    """What is not understood is never guessed."""
    with pytest.raises(MetricMathError):
        evaluate(expression, METRICS, 4)
