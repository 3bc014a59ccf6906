"""
A ``*`` of a policy's pattern stands for any characters, line feeds among them.

AWS: an object's key may hold a line feed, and ``bucket/*`` covers it. 1.5.33: a pattern ends at the
first one, so such an object may not be touched. Upstream needs: the flag of the regular expression.
"""

from __future__ import annotations

import re
from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Compile patterns anew, with the flag."""
    emulator.wrap(emulator.module("core.iam_evaluator"), "_fnmatch_compile", dotted)


def dotted(compile_pattern: Any) -> Any:
    """Return *compile_pattern* whose dot matches a line feed."""

    def compile_with_flag(pattern: str, ignore_case: bool) -> Any:  # noqa: FBT001 - as it is called
        compiled = compile_pattern(pattern, ignore_case)
        return re.compile(compiled.pattern, compiled.flags | re.DOTALL)

    return compile_with_flag
