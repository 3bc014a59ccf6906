"""
Statements: one row by its whole key, every value a parameter.
"""

from __future__ import annotations

from typing import Any

import pytest

from expiry.statements import Condition, Statement, comparable, deletion, faults, identity, update

KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}


def test_deletion_names_the_key_the_condition_and_returns_the_row() -> None:
    """Parameters stand in the order of their places."""
    condition = Condition.below("ttl", 5) & Condition.other_than("status", {"S": "uploaded"})

    statement = deletion("t", KEY, condition)

    assert statement.text == (
        'DELETE FROM "t" WHERE "pk"=? AND "sk"=? AND "ttl" < ? AND "status" <> ?'
        " RETURNING ALL OLD *"
    )
    assert statement.parameters == ({"S": "a"}, {"N": "1"}, {"N": "5"}, {"S": "uploaded"})
    assert (statement.key, statement.deletes) == (KEY, True)


def test_update_sets_then_removes_then_asks() -> None:
    """What it leaves is what a row shows after it."""
    statement = update(
        "t",
        KEY,
        Condition.equal("run", {"S": "1"}) & Condition.missing("lock"),
        put={"status": {"S": "x"}, "n": {"N": "1.0"}},
        remove=["run"],
    )

    assert statement.text == (
        'UPDATE "t" SET "status"=? SET "n"=? REMOVE "run" WHERE "pk"=? AND "sk"=?'
        ' AND "run" = ? AND "lock" IS MISSING RETURNING ALL OLD *'
    )
    assert [list(each.values()) for each in statement.parameters] == [
        ["x"],
        ["1.0"],
        ["a"],
        ["1"],
        ["1"],
    ]
    assert not statement.deletes
    assert statement.shown_by({"status": {"S": "x"}, "n": {"N": "1"}, "other": {"S": "y"}})
    assert not statement.shown_by({"status": {"S": "x"}, "n": {"N": "1"}, "run": {"S": "1"}})
    assert not statement.shown_by({"status": {"S": "y"}, "n": {"N": "1"}})
    assert not statement.shown_by({"n": {"N": "1"}})


def test_statement_that_names_no_values_is_shown_by_no_row() -> None:
    """Nothing to go by is no proof."""
    assert not Statement("…", (), KEY).shown_by({"a": {"S": "x"}})


def test_names_with_quotes_stay_names() -> None:
    """A name cannot end its own quotation."""
    assert deletion('t"x', {'p"k': {"S": "a"}}, Condition.missing('l"k')).text == (
        'DELETE FROM "t""x" WHERE "p""k"=? AND "l""k" IS MISSING RETURNING ALL OLD *'
    )


@pytest.mark.parametrize("name", ["expires at", "a WHERE b", "AND", "größe"])
def test_statements_of_any_name_pass_their_own_check(name: str) -> None:
    """No attribute's name makes a good statement look like a bad one."""
    condition = Condition.below(name, 1)
    texts = [deletion("t", KEY, condition).text, update("t", KEY, condition, put=KEY).text]

    assert [faults(text, "t", ("pk", "sk")) for text in texts] == ["", ""]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"N": "1"}, {"N": "1.00"}, True),
        ({"N": "100"}, {"N": "1E2"}, True),
        ({"N": "1"}, {"S": "1"}, False),
        ({"B": b"x"}, {"B": bytearray(b"x")}, True),
        ({"BOOL": True}, {"BOOL": True}, True),
        ({"N": "1"}, None, False),
        (None, None, True),
    ],
)
def test_comparable_values_are_equal_as_dynamodb_has_it(
    one: Any, other: Any, *, same: bool
) -> None:
    """Numbers by value, binary by content, and no type equals another."""
    assert (comparable(one) == comparable(other)) is same


def test_identity_of_a_row_is_that_of_its_key() -> None:
    """A row may be given whole; other attributes do not count."""
    row: dict[str, Any] = {"sk": {"N": "1.0"}, "pk": {"S": "a"}, "state": {"M": {}}}

    assert identity(row, ("pk", "sk")) == identity(KEY, ("pk", "sk"))
    assert hash(identity({"pk": {"B": bytearray(b"x")}}, ("pk",)))


def test_condition_says_the_same_as_an_expression() -> None:
    """Names through placeholders, each once; values in the order of their places."""
    condition = (
        Condition.equal("data", {"S": "x"})
        & Condition.missing("lock")
        & Condition.other_than("data", {"S": "y"})
        & Condition.below("ttl", 5)
        & Condition.present("size")
    )

    found = condition.expression()

    assert found.text == (
        "#c0 = :c0 AND attribute_not_exists(#c1)"
        " AND (attribute_not_exists(#c0) OR #c0 <> :c1) AND #c2 < :c2 AND attribute_exists(#c3)"
    )
    assert found.as_request() == {
        "ConditionExpression": found.text,
        "ExpressionAttributeNames": {"#c0": "data", "#c1": "lock", "#c2": "ttl", "#c3": "size"},
        "ExpressionAttributeValues": {":c0": {"S": "x"}, ":c1": {"S": "y"}, ":c2": {"N": "5"}},
    }


def test_expression_without_values_names_none() -> None:
    """The service refuses a map of values that is empty."""
    assert Condition.missing("lock").expression().as_request() == {
        "ConditionExpression": "attribute_not_exists(#c0)",
        "ExpressionAttributeNames": {"#c0": "lock"},
    }


def test_condition_on_a_name_with_braces_is_written_as_it_is() -> None:
    """A name is data, never a template."""
    assert Condition.missing("{value}").text == '"{value}" IS MISSING'
    assert Condition.equal("{x}", {"S": "1"}).expression().names == {"#c0": "{x}"}


def test_condition_same_is_equal_or_missing() -> None:
    """As it was read, absence included."""
    assert Condition.same("a", {"S": "x"}) == Condition.equal("a", {"S": "x"})
    assert Condition.same("a", None) == Condition.missing("a")
