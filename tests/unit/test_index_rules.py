"""
Rules as JSON: what is left out never widens what is deleted, and every fault is named.
"""

from __future__ import annotations

from typing import Any

import pytest

from index_cleanup.rules import ExpiredRule, OrphanRule, parse_rules
from index_cleanup.templates import Path

LIFETIMES = {"token_s": 3_600}
TARGET = {"hash_key": "USER#{user}", "sort_key": "PROFILE"}
ORPHAN = {
    "kind": "orphan",
    "partition": "EMAILS",
    "sort_prefix": "E#",
    "target": TARGET,
    "created_at": "created_at",
}
EXPIRED = {
    "kind": "expired",
    "partition": "TOKENS",
    "sort_prefix": "T#",
    "expires": [{"at": "ends"}],
}


def parsed(body: Any) -> tuple[Any, list[str]]:
    """Return a rule, None where there is none, and its faults."""
    faults: list[str] = []
    rules = parse_rules({"it": body}, LIFETIMES, faults.append)
    return rules.get("it"), faults


def test_orphan_rule_waits_and_takes_no_order_of_writing_for_granted() -> None:
    """What is left out has the careful default."""
    rule, faults = parsed(ORPHAN)

    assert faults == []
    assert isinstance(rule, OrphanRule)
    assert not rule.target_written_first
    assert rule.grace_s == 3_600
    assert rule.target_expired == ()
    assert rule.counts_as == "it"
    assert rule.attributes == ("created_at", "user")


def test_expired_rule_reads_what_its_proofs_and_links_rest_on() -> None:
    """JSON is read as a whole attribute; keys come by themselves."""
    linked = {"hash_key": "{hash_key}", "sort_key": "L#{data.key}", "where": {"kind": "L"}}
    proof = {"at": "data.used_at", "plus_s": 60, "when": {"data.used": True, "state": "x"}}
    rule, faults = parsed(
        {
            **EXPIRED,
            "json_attributes": ["data"],
            "where": {"bucket": "t"},
            "linked": [linked],
            "expires": [proof, {"at": "ends.at"}],
        }
    )

    assert faults == []
    assert isinstance(rule, ExpiredRule)
    assert rule.attributes == ("bucket", "data", "ends.at", "state")
    assert rule.expires[0].at == Path("data", ("used_at",))
    assert rule.expires[0].when == ((Path("data", ("used",)), "true"), (Path("state"), "x"))


def test_rule_null_counts_as_left_out() -> None:
    """Terraform writes null for what its caller did not set."""
    rule, faults = parsed({**EXPIRED, "linked": None, "grace_s": None, "secret_key": None})

    assert faults == []
    assert rule.linked == ()


def test_seconds_may_be_lifetimes_and_sums_of_them() -> None:
    """A preset's rules follow its lifetimes."""
    proofs = [{"at": "a", "plus_s": "token_s"}, {"at": "b", "plus_s": ["token_s", 60]}]
    rule, faults = parsed({**EXPIRED, "expires": proofs})

    assert faults == []
    assert [proof.plus_s for proof in rule.expires] == [3_600, 3_660]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({**EXPIRED, "kind": "old"}, "kind must be orphan or expired"),
        ({**EXPIRED, "partition": None}, "partition is missing"),
        ({**EXPIRED, "sort_prefix": ""}, "entire_partition = true"),
        ({**EXPIRED, "entire_partition": True}, "never both"),
        ({**EXPIRED, "sort_prefx": "T#"}, "sort_prefx is not known"),
        ({**EXPIRED, "expires": []}, "expires is missing"),
        ({**EXPIRED, "expires": [{"plus_s": 1}]}, "expires[0]: at is missing"),
        ({**EXPIRED, "expires": [{"at": "a", "plus": 1}]}, "expires[0]: plus is not known"),
        ({**EXPIRED, "expires": ["ends"]}, "expires must be a list of dict"),
        ({**EXPIRED, "expires": [{"at": "a", "plus_s": -1}]}, "plus_s must be whole seconds"),
        ({**EXPIRED, "expires": [{"at": "a", "plus_s": 1.5}]}, "plus_s must be whole seconds"),
        ({**EXPIRED, "expires": [{"at": "a", "plus_s": True}]}, "plus_s must be whole seconds"),
        ({**EXPIRED, "expires": [{"at": "a", "plus_s": "day_s"}]}, "name of a lifetime (token_s)"),
        ({**EXPIRED, "where": {"bucket": 1}}, "where must be an object of texts"),
        ({**EXPIRED, "secret_key": "yes"}, "secret_key must be true or false"),
        ({**EXPIRED, "json_attributes": "data"}, "json_attributes must be a list"),
        ({**EXPIRED, "target": TARGET}, "target is not known"),
        ({**ORPHAN, "target": None}, "target: must be an object"),
        ({**ORPHAN, "target": {**TARGET, "hash_key": ""}}, "target: hash_key is missing"),
        ({**ORPHAN, "target": {**TARGET, "hash_key": "{user"}}, "has a brace"),
        ({**ORPHAN, "target": {**TARGET, "hash_key": "{user[1]}"}}, "other than sort_key"),
        ({**ORPHAN, "created_at": None}, "grace_s needs created_at"),
        ({**ORPHAN, "grace_s": "1h"}, "grace_s must be whole seconds"),
        ({**ORPHAN, "expires": [{"at": "a"}]}, "expires is not known"),
    ],
)
def test_rule_that_is_not_clear_is_refused(body: dict[str, Any], word: str) -> None:
    """A misspelt restriction, or none at all, must not become a wider deletion."""
    rule, faults = parsed(body)

    assert rule is None
    assert any(word in fault for fault in faults), faults
    assert all(fault.startswith("rule it: ") for fault in faults)
