"""
The cleanup's settings, read once from the variables that its Terraform module sets.

With only ``TABLE_NAME`` and ``PRESET`` set, everything else has a default.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from expiry.settings import Variables
from index_cleanup.members import LONGEST_S
from index_cleanup.rules import parse_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index_cleanup.rules import Rule

TABLE_VARIABLE = "TABLE_NAME"
TABLE_PATTERN = r"[a-zA-Z0-9_.-]{3,255}"
PRESETS = {"actingweb": "actingweb.json"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What to clean up, when it counts as dead, and at what cost."""

    table: str
    preset: str | None
    rules: Mapping[str, Rule]
    lifetimes: Mapping[str, int]  # of the preset, in seconds; empty without one
    dry_run: bool
    max_deletes: int
    max_orphan_percent: float
    write_units_per_s: float
    threads: int
    clock_skew_s: int
    ttl_attribute: str | None  # None: what the table says, else the preset's
    default_ttl_attribute: str | None  # the preset's
    single_writer_region: bool
    metrics_namespace: str | None  # None: as metrics.json says
    body: Mapping[str, Any] = field(default_factory=dict)  # the result's shape; leaves are counts

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Parse the environment.

        Raises:
            SettingsError: Variables are missing or malformed; it names them all.
        """
        with Variables(env) as variables:
            return cls(
                table=variables.required(TABLE_VARIABLE, TABLE_PATTERN),
                **_rules(variables),
                **_limits(variables),
                dry_run=variables.boolean("DRY_RUN", default=False),
                ttl_attribute=variables.optional("TTL_ATTRIBUTE", r'[^"]{1,255}'),
                single_writer_region=variables.boolean("SINGLE_WRITER_REGION", default=False),
                metrics_namespace=variables.optional("METRICS_NAMESPACE", r"[^:][ -~]{0,254}"),
            )


def _limits(variables: Variables) -> dict[str, Any]:
    return {
        "max_deletes": variables.integer(
            "MAX_DELETES_PER_RUN", 10_000, minimum=1, maximum=10_000_000
        ),
        "max_orphan_percent": variables.number(
            "MAX_ORPHAN_PERCENT", 100.0, minimum=0.0, maximum=100.0
        ),
        "write_units_per_s": variables.number(
            "MAX_WRITE_UNITS_PER_SECOND", 200.0, minimum=1.0, maximum=1_000_000.0
        ),
        "threads": variables.integer("THREADS", 8, minimum=1, maximum=64),
        "clock_skew_s": variables.integer("CLOCK_SKEW_S", 60, minimum=0, maximum=86_400),
    }


def _rules(variables: Variables) -> dict[str, Any]:
    preset = variables.optional("PRESET", "|".join(PRESETS))
    text = variables.optional("RULES")
    if (preset is None) == (text is None):
        variables.refuse("exactly one of PRESET and RULES must be set")
    if preset not in PRESETS:
        rules = parse_rules(_json(variables, "RULES", text), {}, variables.refuse) if text else {}
        if variables.optional("LIFETIMES"):
            variables.refuse("LIFETIMES belongs to PRESET; a rule of yours says its seconds itself")
        return {"preset": None, "rules": rules, "lifetimes": {}, "default_ttl_attribute": None}
    data = json.loads(Path(__file__).with_name(PRESETS[preset]).read_text(encoding="utf-8"))
    lifetimes = _lifetimes(variables, data["lifetimes"])
    return {
        "preset": preset,
        "rules": parse_rules(data["rules"], lifetimes, variables.refuse),
        "lifetimes": lifetimes,
        "default_ttl_attribute": data["ttl_attribute"],
        "body": data["body"],
    }


def _lifetimes(variables: Variables, defaults: Mapping[str, int]) -> dict[str, int]:
    """Return the preset's lifetimes, with those that ``LIFETIMES`` replaces."""
    text = variables.optional("LIFETIMES")
    given = _json(variables, "LIFETIMES", text) if text else {}
    if not isinstance(given, dict):
        variables.refuse("LIFETIMES must be a JSON object of lifetime to seconds")
        return dict(defaults)
    given = {name: seconds for name, seconds in given.items() if seconds is not None}
    if unknown := sorted(given.keys() - defaults.keys()):
        variables.refuse(f"LIFETIMES has {', '.join(unknown)}; known: {', '.join(defaults)}")
    for name in sorted(given.keys() & defaults.keys()):
        if type(given[name]) is not int or not 0 < given[name] <= LONGEST_S:
            variables.refuse(f"LIFETIMES: {name} must be whole seconds above 0")
            return dict(defaults)
    return {**defaults, **{name: given[name] for name in given.keys() & defaults.keys()}}


def _json(variables: Variables, name: str, text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError as error:
        variables.refuse(f"{name} is no JSON: {error}")
        return {}
