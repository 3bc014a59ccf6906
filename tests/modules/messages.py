"""
List what a module can refuse, so that a test can ask whether every refusal was tried.
"""

from __future__ import annotations

import json
import re

from tools.terraform import ROOT

QUOTED = re.compile(r'^\s*error_message\s*=\s*("(?:[^"\\]|\\.)*")', re.MULTILINE)


def refusal_messages(module: str) -> list[str]:
    """
    Return the error messages of *module*'s variables, each up to its first interpolation.

    Checks are not among them: they warn.
    """
    source = (ROOT / "modules" / module / "variables.tf").read_text()
    texts: list[str] = [json.loads(quoted) for quoted in QUOTED.findall(source)]
    return [text.partition("${")[0] for text in texts]
