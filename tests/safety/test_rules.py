"""Each safety rule by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety import proofs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients

RULES = (
    proofs.late_part_goes_in_the_same_run,
    proofs.young_claim_is_left,
    proofs.wrong_table_deletes_nothing,
    proofs.too_many_orphans_are_refused,
    proofs.too_large_a_share_is_refused,
    proofs.unread_sessions_keep_their_objects,
    proofs.strangers_bucket_is_left,
    proofs.orphan_needs_two_sightings,
    proofs.missing_object_trips_the_run,
    proofs.stuck_upload_is_left,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(clients: Clients, rule: Callable[[Clients], list[str]]) -> None:
    """
    What the rule forbids does not happen.
    """
    assert rule(clients) == []
