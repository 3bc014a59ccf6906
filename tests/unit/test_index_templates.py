"""
Keys derived from rows: exactly the key that is meant, or none.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from index_cleanup.proofs import Proof, Verdict, judge
from index_cleanup.templates import Fields, KeyTemplate, Path, Template

KEYS = ("id", "bucket_name")
JSON = frozenset({"data"})
NOW_S = 1_000_000


def fields(data: Any = None, *, text: str | None = None, **attributes: Any) -> Fields:
    """Return a row's values: its *data* as JSON, or *text* as it stands."""
    row = {"id": {"S": "_system"}, "bucket_name": {"S": "_index:aw_1:x"}, **attributes}
    if text is not None or data is not None:
        row["data"] = {"S": text if text is not None else json.dumps(data)}
    return Fields(row, KEYS, JSON)


def filled(template: str, row: Fields) -> str | None:
    """Fill a template."""
    return Template.parse(template, JSON, ":").fill(row)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{data}", "actor"),
        ("mcp_tokens:{sort_key[1:]}", "mcp_tokens:aw_1:x"),
        ("{sort_key[0]}", "_index"),
        ("{sort_key[1]}-{sort_key[2]}", "aw_1-x"),
        ("{sort_key}", "_index:aw_1:x"),
        ("{hash_key}", "_system"),
        ("{owner}#{count}", "me#7"),
        ("fixed", "fixed"),
    ],
)
def test_template_is_filled_from_attributes_and_parts_of_the_sort_key(
    template: str, text: str
) -> None:
    """A token may hold the separator itself: the rest of a key is the rest, whole."""
    assert filled(template, fields("actor", owner={"S": "me"}, count={"N": "7"})) == text


@pytest.mark.parametrize(
    "row",
    [
        fields(),
        fields(text="no JSON"),
        fields(text="null"),
        fields(text="NaN"),
        fields(text="[" * 100_000),
        fields(""),
        fields(["actor"]),
        fields({"actor": 1}),
        fields(data=True),
        Fields({"data": {"M": {}}}, KEYS, JSON),
        Fields({"data": {"N": "7"}}, KEYS, JSON),
    ],
    ids=lambda row: str(row.row.get("data"))[:20],
)
def test_template_with_nothing_to_fill_it_gives_no_key(row: Fields) -> None:
    """A key that was guessed would name a row that is not there, and look like a proof."""
    assert filled("{data}", row) is None
    template = KeyTemplate(
        Template.parse("{data}", JSON, ":"), Template.parse("fixed", JSON, ":"), {}
    )
    assert template.key(row, KEYS) is None


@pytest.mark.parametrize("template", ["{sort_key[3]}", "{sort_key[3:]}", "a{missing}"])
def test_template_of_a_part_that_is_not_there_gives_no_key(template: str) -> None:
    """Nor does a key that is cut short."""
    assert filled(template, fields("actor")) is None


@pytest.mark.parametrize("template", ["{", "}", "a{}b", "{a}}", "{data[1]}", "{sort_key[x]}"])
def test_template_that_is_none_is_refused(template: str) -> None:
    """It is the settings that are wrong, not the rows."""
    with pytest.raises(ValueError, match=r"brace|other than"):
        Template.parse(template, JSON, ":")


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"ends": NOW_S - 1}, Verdict.EXPIRED),
        ({"ends": NOW_S - 0.5}, Verdict.EXPIRED),
        ({"ends": NOW_S}, Verdict.LIVING),
        ({"ends": NOW_S * 1_000}, Verdict.LIVING),
        ({"began": NOW_S - 601}, Verdict.EXPIRED),
        ({"began": NOW_S - 600}, Verdict.LIVING),
        ({"ends": NOW_S + 1, "began": NOW_S - 601}, Verdict.EXPIRED),
        ({"ends": NOW_S + 1, "began": "then"}, Verdict.LIVING),
        ({"ends": 0}, Verdict.UNKNOWN),
        ({"ends": -1}, Verdict.UNKNOWN),
        ({"ends": "1"}, Verdict.UNKNOWN),
        ({"ends": True}, Verdict.UNKNOWN),
        ({"ends": None}, Verdict.UNKNOWN),
        ({"ends": [1]}, Verdict.UNKNOWN),
        ({}, Verdict.UNKNOWN),
        ([], Verdict.UNKNOWN),
    ],
)
def test_judge_says_expired_living_or_that_nobody_knows(data: Any, verdict: Verdict) -> None:
    """Any proof is enough; only a number of seconds above 0 is one."""
    proofs = (Proof(Path("data", ("ends",))), Proof(Path("data", ("began",)), 600))

    assert judge(proofs, fields(data), NOW_S) is verdict


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"used": True, "at": 1}, Verdict.EXPIRED),
        ({"used": False, "at": 1}, Verdict.UNKNOWN),
        ({"used": 1, "at": 1}, Verdict.UNKNOWN),
        ({"at": 1}, Verdict.UNKNOWN),
        ({"used": True}, Verdict.UNKNOWN),
    ],
)
def test_judge_counts_a_proof_only_where_its_own_condition_holds(
    data: Any, verdict: Verdict
) -> None:
    """A refresh token that was not used is not held to the time of its use."""
    proof = Proof(Path("data", ("at",)), 60, ((Path("data", ("used",)), "true"),))

    assert judge((proof,), fields(data), NOW_S) is verdict


def test_judge_reads_an_attribute_of_its_own_with_all_its_digits() -> None:
    """A Number comes as text; a String is none."""
    proof = Proof(Path("ttl"))

    assert judge((proof,), fields(ttl={"N": f"{NOW_S - 1}.99"}), NOW_S) is Verdict.EXPIRED
    assert judge((proof,), fields(ttl={"N": "1E+6"}), NOW_S) is Verdict.LIVING
    assert judge((proof,), fields(ttl={"S": "1"}), NOW_S) is Verdict.UNKNOWN
