"""
The expiry's settings, read once from the variables that its Terraform module sets.

With only the ``PG_…`` variables and ``PRESET`` or ``TABLES`` set, everything else has a default.
No variable holds a password: it comes from a secret, an IAM token, or (for the command) a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from expiry.postgres.settings import NAME_PATTERN, password_source, server
from expiry.settings import Variables
from postgres_expiry import tables
from postgres_expiry.lifetimes import Lifetimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.postgres.connection import Server
    from expiry.postgres.settings import PasswordSource

PRESET = "actingweb"


@dataclass(frozen=True, slots=True)
class Preset:
    """The ready rules for ActingWeb's table ``attributes``."""

    schema: str
    lifetimes: Lifetimes


@dataclass(frozen=True, slots=True)
class Settings:
    """What to delete, where, and at what cost."""

    server: Server
    password: PasswordSource
    tables: Mapping[str, tables.TableRule] = field(default_factory=dict)  # the preset's own too
    preset: Preset | None = None
    dry_run: bool = False
    max_deletes: int = 1_000_000
    max_rows_per_s: float = 0.0  # 0: no limit
    latency_target_ms: int = 200
    max_replica_lag_s: float = 0.0  # 0: not asked
    clock_skew_s: int = 60
    metrics_namespace: str | None = None  # None: as metrics.json says

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Parse the environment.

        Raises:
            SettingsError: Variables are missing or malformed; it names them all.
        """
        with Variables(env) as variables:
            preset = _preset(variables)
            return cls(
                server=server(variables),
                password=password_source(variables),
                tables=_tables(variables, preset),
                preset=preset,
                dry_run=variables.boolean("DRY_RUN", default=False),
                **_limits(variables),
                metrics_namespace=variables.optional("METRICS_NAMESPACE", r"[^:][ -~]{0,254}"),
            )


def _preset(variables: Variables) -> Preset | None:
    name = variables.optional("PRESET")
    text = variables.optional("LIFETIMES")
    if name is None:
        if text is not None:
            variables.refuse("LIFETIMES belongs to PRESET")
        return None
    if name != PRESET:
        variables.refuse(f"PRESET must be {PRESET}, not {name!r}")
    return Preset(
        variables.text("PRESET_SCHEMA", "public", NAME_PATTERN),
        Lifetimes.parse(_json(variables, text), variables.refuse),
    )


def _json(variables: Variables, text: str | None) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        variables.refuse(f"LIFETIMES is no JSON: {error}")
        return {}


def _tables(variables: Variables, preset: Preset | None) -> dict[str, tables.TableRule]:
    text = variables.optional("TABLES")
    if (text is None) == (preset is None):
        variables.refuse("exactly one of PRESET and TABLES says what expires")
        return {}
    if preset is not None:
        rule = tables.TableRule(
            name="attributes",
            schema=preset.schema,
            table="attributes",
            expiry=tables.Expiry("ttl_timestamp", tables.Kind.EPOCH_SECONDS),
            key=("id", "bucket_name"),
        )
        return {rule.name: rule}
    return tables.parse(text or "", variables.refuse)


def _limits(variables: Variables) -> dict[str, Any]:
    return {
        "max_deletes": variables.integer(
            "MAX_DELETES_PER_RUN", 1_000_000, minimum=1, maximum=1_000_000_000
        ),
        "max_rows_per_s": variables.number(
            "MAX_ROWS_PER_SECOND", 0.0, minimum=0.0, maximum=10_000_000.0
        ),
        "latency_target_ms": variables.integer("LATENCY_TARGET_MS", 200, minimum=1, maximum=60_000),
        "max_replica_lag_s": variables.number(
            "MAX_REPLICA_LAG_S", 0.0, minimum=0.0, maximum=86_400.0
        ),
        "clock_skew_s": variables.integer("CLOCK_SKEW_S", 60, minimum=0, maximum=86_400),
    }
