"""
A Succeed state gives the output that it was told to.

AWS: in JSONata, ``Output`` of a Succeed state is the execution's output. 1.5.33: passes the state's
input on, as where there is none. Upstream needs: ``_apply_jsonata_output`` for it, as for Pass.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Take over the last step of a Succeed state, in an execution and in a Map's."""
    emulator.wrap(emulator.module("services.stepfunctions"), "_apply_output_path", as_told)


def as_told(pick: Any) -> Any:
    """Return *pick* that evaluates a Succeed state's own output first."""

    def apply_output_path(state: Any, data: Any, context: Any = None) -> Any:
        states = emulator.module("services.stepfunctions")
        jsonata = states._state_query_language(state, context) == "JSONata"
        if jsonata and state.get("Type") == "Succeed":
            return states._apply_jsonata_output(state, data, context, default=data)
        return pick(state, data, context)

    return apply_output_path
