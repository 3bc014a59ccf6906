"""The calls of the module `lifecycle-bucket` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

MODULE = "lifecycle-bucket"
ENTIRE = {"entire_bucket": True}
TMP = {"prefix": "tmp/"}


def rule(scope: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return a rule that is accepted, with *arguments* put in."""
    return {"scope": scope or TMP, "expire_after_days": 30, **arguments}


def moved(*stages: tuple[int, str]) -> dict[str, Any]:
    """Return a rule that moves objects: days and storage class of each transition."""
    transitions = [{"days": days, "storage_class": name} for days, name in stages]
    return {"scope": TMP, "transitions": transitions}


def call(*rules: dict[str, Any], **arguments: Any) -> Arguments:
    """Return a call with *rules* (or one that is accepted), named r0, r1 and so on."""
    return {
        "name": "uploads",
        "minimum_retention_days": 7,
        "rules": {f"r{number}": each for number, each in enumerate(rules or [rule()])},
        **arguments,
    }


def statement(**arguments: Any) -> dict[str, Any]:
    """Return a policy statement that is accepted, with *arguments* put in."""
    return {
        "sid": "ReadReports",
        "principals": {"Service": ["athena.amazonaws.com"]},
        "actions": ["s3:GetObject"],
        "resources": ["/reports/*"],
        **arguments,
    }
