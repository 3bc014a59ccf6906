"""
Standing: late and never are two things, and each row is exactly one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.scanning import Page
from ttl_monitor.classification import FIVE_YEARS_S, Moment, Standing, classify
from ttl_monitor.tally import Naming, Tally

NOW_S = 1_800_000_000
MOMENT = Moment.at(NOW_S, clock_skew_s=60)


@pytest.mark.parametrize(
    ("value", "standing"),
    [
        (None, Standing.MISSING),
        ({"S": str(NOW_S - 7_200)}, Standing.WRONG_TYPE),
        ({"NULL": True}, Standing.WRONG_TYPE),
        ({"NS": ["1"]}, Standing.WRONG_TYPE),
        ({"N": str(NOW_S)}, Standing.LIVE),
        ({"N": str(NOW_S - 60)}, Standing.LIVE),
        ({"N": str(NOW_S - 61)}, Standing.EXPIRED),
        ({"N": f"{NOW_S - 61}.9"}, Standing.EXPIRED),
        ({"N": str(NOW_S - FIVE_YEARS_S)}, Standing.EXPIRED),
        ({"N": str(NOW_S - FIVE_YEARS_S - 1)}, Standing.TOO_OLD),
        ({"N": "0"}, Standing.TOO_OLD),
        ({"N": "-5"}, Standing.TOO_OLD),
        ({"N": "99999999999"}, Standing.LIVE),
        ({"N": "100000000000"}, Standing.MILLISECONDS),
        ({"N": "1E+11"}, Standing.MILLISECONDS),
        ({"N": "9" * 38}, Standing.MILLISECONDS),
        ({"N": "9.9E+125"}, Standing.MILLISECONDS),
    ],
)
def test_row_at_each_bound_has_its_standing(value: Any, standing: Standing) -> None:
    """The bounds are DynamoDB's, and the cutoff lies the clock skew before now."""
    assert classify(value, MOMENT)[0] is standing


NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**37), max_value=10**37
).map(lambda number: {"N": str(number)})
NEAR = st.integers(NOW_S - FIVE_YEARS_S - 100, NOW_S + 100).map(lambda n: {"N": str(n)})
OTHERS = st.sampled_from([{"S": "x"}, {"BOOL": True}, {"M": {}}, {"B": b""}])


@given(st.lists(st.none() | NUMBERS | NEAR | OTHERS, max_size=60))
def test_rows_fall_into_exactly_one_class_each(values: list[Any]) -> None:
    """The classes are a partition: whatever the rows hold, the counts add up to the rows."""
    rows = [
        {"id": {"S": f"u#{n}"}} | ({"ttl": value} if value else {})
        for n, value in enumerate(values)
    ]
    tally = Tally(Naming(("id",), "ttl", "id", "#"), MOMENT, by_segment=False)
    tally.take(Page(0, rows, len(rows), 0.5, last=True))

    assert tally.counts.total() == len(rows)
    for value in values:
        standing, expires_at_s = classify(value, MOMENT)
        number = Decimal(value["N"]) if value and "N" in value else None
        late = number is not None and NOW_S - FIVE_YEARS_S <= number < NOW_S - 60
        assert late == (standing is Standing.EXPIRED)
        if number is not None:
            assert 0 <= number - expires_at_s < 1
