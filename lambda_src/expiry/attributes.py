"""
Turn DynamoDB's typed values into JSON without losing a digit.

Works on the low-level client's ``{type: value}``; never makes a Decimal where it need not.
"""

from __future__ import annotations

import base64
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_SAFE_INTEGER = 2**53 - 1  # readers in other languages hold JSON numbers in a double


def type_of(value: Mapping[str, Any]) -> str:
    """Return the type of a typed value: S, N, B, BOOL, NULL, L, M, SS, NS or BS."""
    return next(iter(value))


def whole_seconds(text: str) -> int:
    """
    Return the integer part of a DynamoDB Number, rounded down.

    Numbers come as text, with up to 38 digits, and may carry a fraction or an exponent.
    """
    try:
        return int(text)
    except ValueError:
        return math.floor(Decimal(text))


def json_number(text: str) -> int | str:
    """Return an integer that JSON carries exactly everywhere as a number, all others as text."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if abs(number) <= LARGEST_SAFE_INTEGER else text


def json_key(value: Mapping[str, Any]) -> int | str:
    """Return a key attribute (String, Number or Binary) for JSON; Binary as base64."""
    kind = type_of(value)
    if kind == "N":
        return json_number(value["N"])
    if kind == "B":
        return base64.b64encode(bytes(value["B"])).decode("ascii")
    return str(value[kind])
