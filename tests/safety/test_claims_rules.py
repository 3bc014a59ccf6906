"""What holds for claims, and is found out where a condition is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.claims_proofs import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_of_claims_holds(clients: Clients, rule: Callable[[Clients], list[str]]) -> None:
    """
    What the rule forbids does not happen.
    """
    assert rule(clients) == []
