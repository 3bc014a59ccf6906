"""
Variables of the environment: parsed strictly, and every fault named at once.
"""

from __future__ import annotations

import pytest

from expiry.errors import SettingsError
from expiry.settings import Variables


def parse_all(values: dict[str, str]) -> None:
    """Ask for one variable of each kind."""
    with Variables(values) as variables:
        variables.required("TABLE")
        variables.required("NAME", r"\w+")
        variables.optional("PREFIX", r"\w+")
        variables.boolean("FLAG", default=True)
        variables.integer("COUNT", 5, minimum=1, maximum=9)
        variables.number("SHARE", 1.0, minimum=0.0, maximum=1.0)


def test_variables_every_fault_is_named_in_one_error() -> None:
    """Someone who mends a deployment sees all that is wrong, not the first of five."""
    values = {"COUNT": "ten", "FLAG": "yes", "SHARE": "nan", "NAME": "a b", "PREFIX": "a b"}

    with pytest.raises(SettingsError) as raised:
        parse_all(values)

    assert len(raised.value.problems) == 6
    for name in ("TABLE", "NAME", "PREFIX", "FLAG", "COUNT", "SHARE"):
        assert name in str(raised.value)


def test_variables_empty_counts_as_not_set() -> None:
    """Terraform and the console write empty strings where they mean nothing."""
    names = ("T", "O", "B", "I", "N")
    with Variables(dict.fromkeys(names, "")) as variables:
        parsed = (
            variables.text("T", "text"),
            variables.optional("O"),
            variables.boolean("B", default=True),
            variables.integer("I", 3, minimum=1, maximum=9),
            variables.number("N", 0.5, minimum=0.0, maximum=1.0),
        )

    assert parsed == ("text", None, True, 3, 0.5)


def test_variables_values_that_are_set_win() -> None:
    """What is set is what counts, converted."""
    with Variables({"T": "t", "B": "false", "I": "7", "N": "0.25"}) as variables:
        parsed = (
            variables.required("T"),
            variables.boolean("B", default=True),
            variables.integer("I", 3, minimum=1, maximum=9),
            variables.number("N", 0.5, minimum=0.0, maximum=1.0),
        )

    assert parsed == ("t", False, 7, 0.25)


@pytest.mark.parametrize("value", ["True", "1", "yes", "TRUE", " true"])
def test_variables_boolean_other_word_is_refused(value: str) -> None:
    """A word that is neither true nor false is an error, never a guess."""
    with pytest.raises(SettingsError, match="FLAG must be true or false") as raised:
        parse_all({"TABLE": "t", "NAME": "n", "FLAG": value})

    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("value", ["0", "10", "1e1", "5.0", "٣", "9" * 40])
def test_variables_integer_out_of_bounds_or_odd_is_refused(value: str) -> None:
    """Only plain digits within the limits are a whole number."""
    with pytest.raises(SettingsError, match="COUNT") as raised:
        parse_all({"TABLE": "t", "NAME": "n", "COUNT": value})

    assert len(raised.value.problems) == 1


def test_variables_another_error_inside_is_not_hidden() -> None:
    """What goes wrong while parsing shows as itself."""

    def parse() -> None:
        with Variables({}) as variables:
            variables.required("TABLE")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parse()
