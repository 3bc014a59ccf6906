"""
Typed values: turned into JSON without losing a digit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.attributes import json_key, json_number, whole_seconds

DIGITS_38 = "9" * 38


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", 1_700_000_000),
        ("1700000000.9", 1_700_000_000),
        ("-1.5", -2),
        ("1.7E+9", 1_700_000_000),
        ("1E-130", 0),
        (DIGITS_38, int(DIGITS_38)),
    ],
)
def test_whole_seconds_round_down_at_any_size(text: str, seconds: int) -> None:
    """Every Number that DynamoDB holds has whole seconds, exactly."""
    assert whole_seconds(text) == seconds


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"S": "a#b"}, "a#b"),
        ({"N": "42"}, 42),
        ({"N": "0.1"}, "0.1"),
        ({"N": DIGITS_38}, DIGITS_38),
        ({"B": b"\x00\xff"}, "AP8="),
    ],
)
def test_key_of_each_type_is_shown_exactly(value: dict[str, Any], shown: int | str) -> None:
    """A key in a sample can be used to find the row: no digit and no byte is lost."""
    assert json_key(value) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_json_number_never_changes_the_value(number: Decimal) -> None:
    """As a number or as text, the value is the same, also for a reader with doubles."""
    shown = json_number(str(number))

    assert Decimal(shown) == number
    if isinstance(shown, int):
        assert int(float(shown)) == shown
