"""
The claims with one condition taken away, and the quick proof that finds it out.

A term of a write's condition is made to hold always, on its way; other rules are patched where they
stand. A mutation that changes nothing fails: then this list has to follow the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from job_claims import claims, layout, owners, rate
from tests.safety import claims_owner_proofs as held
from tests.safety import claims_proofs as proved
from tests.safety.claims_stage import ClaimsStage
from tests.safety.mutations import Mutation, patching
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.safety.wire import Call

# Which write it is, by what only it does
KINDS: dict[str, Callable[[str], bool]] = {
    "takes": lambda text: "if_not_exists" in text,
    "extends": lambda text: " ADD " in text,
    "refreshes": lambda text: text.startswith("SET") and text.count(",") == 1,
    "frees": lambda text: " REMOVE " in text and "if_not_exists" not in text,
    "leaves": lambda text: text.startswith("DELETE"),
}


@dataclass
class WithoutTerm:
    """Make every term of a kind of write that compares *attribute* so hold always."""

    kind: str
    attribute: str
    operator: str = "="
    hits: int = field(default=0, compare=False)

    def __call__(self, patch: pytest.MonkeyPatch) -> None:
        """Take it out of all requests."""
        patch.setattr(Wire, "rewrite", staticmethod(self._rewritten))

    def _rewritten(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        if call.operation != "UpdateItem" or not KINDS[self.kind](request["UpdateExpression"]):
            return request
        text = request["ConditionExpression"]
        for place, name in request["ExpressionAttributeNames"].items():
            if name == self.attribute:
                text, hits = re.subn(self._term(place), r"NOT (\g<0> AND NOT \g<0>)", text)
                self.hits += hits
        return {**request, "ConditionExpression": text}

    def _term(self, place: str) -> str:
        if self.operator == "missing":
            return rf"attribute_not_exists\({place}\)"
        return rf"{place} {re.escape(self.operator)} :v\d+"


def plain_put(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Record whatever is there already."""
    if call.operation != "PutItem":
        return request
    left_out = {
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ReturnValuesOnConditionCheckFailure",
    }
    return {name: value for name, value in request.items() if name not in left_out}


def fence_of_now(self: Any, with_: Any) -> str:
    """Give a new fence by the clock, whatever was given before."""
    return str(with_.value({"N": str(self._now_ms)}))


def fence_from_one(self: Any, with_: Any) -> str:
    """Count from 1 where no row is left."""
    place = with_.name(self._layout.names.fence)
    nothing, one = with_.value({"N": "0"}), with_.value({"N": "1"})
    return f"if_not_exists({place}, {nothing}) + {one}"


def without(kind: str, attribute: str, operator: str = "=") -> Callable[..., None]:
    """Return the mutation."""
    return WithoutTerm(kind, attribute, operator)


def window_of_now(now_s: int, limit: Any, *_: Any) -> rate.Window:
    """Count by the clock alone, whatever the row says."""
    number = now_s // limit.window_s
    return rate.Window(limit.claims, number, (number + 1) * limit.window_s)


def setting(**changed: Any) -> Callable[..., None]:
    """Give every stage these settings."""
    begin = ClaimsStage.__post_init__

    def mutated(self: ClaimsStage) -> None:
        begin(self)
        self.settings = replace(self.settings, **changed)

    return patching(ClaimsStage, "__post_init__", mutated)


def fence_goes_too(patch: pytest.MonkeyPatch) -> None:
    """Let a release take the fence away with the claim."""
    of_claim: Any = layout.Layout.of_claim
    both = property(lambda self: (*of_claim.fget(self), self.names.fence))
    patch.setattr(layout.Layout, "of_claim", both)


def lenient(patch: pytest.MonkeyPatch) -> None:
    """Take what cannot be read for 0."""
    patch.setattr(layout.Layout, "_whole", lambda *_: 0)


MUTATIONS = (
    Mutation(
        "claim: the lease has ended",
        without("takes", "expiresAt", "<"),
        proved.held_key_is_not_taken,
    ),
    Mutation("claim: by all clocks", setting(clock_skew_s=0), proved.held_key_is_not_taken),
    Mutation(
        "claim: nobody holds it",
        without("takes", "containerId", "missing"),
        proved.held_key_is_not_taken,
    ),
    Mutation(
        "preempt: this container",
        without("takes", "containerId"),
        proved.preempt_takes_exactly_the_claim_it_names,
    ),
    Mutation(
        "preempt: this fence",
        without("takes", "fence"),
        proved.preempt_takes_exactly_the_claim_it_names,
    ),
    Mutation(
        "claim: one more than the last fence",
        patching(claims._Try, "_next_fence", fence_of_now),  # noqa: SLF001 - what is broken
        proved.fence_outlives_release_and_clock,
    ),
    Mutation(
        "claim: now, where no row is left",
        patching(claims._Try, "_next_fence", fence_from_one),  # noqa: SLF001 - what is broken
        proved.fence_outlives_its_row,
    ),
    Mutation("release: keeps the fence", fence_goes_too, proved.fence_outlives_release_and_clock),
    Mutation(
        "row: stays for the retention", setting(fence_retention_s=0), proved.fence_outlives_its_row
    ),
    Mutation(
        "rate: below the limit",
        without("takes", "rate00", "<"),
        proved.claims_over_the_rate_are_refused,
    ),
    Mutation(
        "rate: of this window",
        without("takes", "rateWindow"),
        proved.rate_is_counted_by_window,
    ),
    Mutation(
        "rate: never an earlier window",
        without("takes", "rateWindow", "<"),
        proved.rate_is_counted_by_window,
    ),
    Mutation(
        "rate: no count in the slot",
        without("takes", "rate00", "missing"),
        proved.rate_is_counted_by_window,
    ),
    Mutation(
        "rate: the first in a slot of old",
        patching(rate.Window, "at", staticmethod(window_of_now)),
        proved.rate_is_counted_by_window,
    ),
    Mutation(
        "same thread: this container",
        without("extends", "containerId"),
        proved.refresh_of_a_thread_meets_another_name,
    ),
    Mutation(
        "same thread: this fence",
        without("extends", "fence"),
        proved.refresh_of_a_thread_meets_its_own_next_claim,
    ),
    Mutation(
        "same thread: the lease lasts",
        without("extends", "expiresAt", ">"),
        proved.refresh_of_a_thread_meets_the_lease_s_end,
    ),
    Mutation(
        "same thread: longer only",
        without("extends", "expiresAt", "<"),
        proved.leases_never_get_shorter,
    ),
    Mutation(
        "refresh: container", without("refreshes", "containerId"), held.only_the_owner_refreshes
    ),
    Mutation("refresh: fence", without("refreshes", "fence"), held.only_the_owner_refreshes),
    Mutation(
        "refresh: the lease lasts",
        without("refreshes", "expiresAt", ">"),
        held.only_the_owner_refreshes,
    ),
    Mutation(
        "refresh: longer only",
        without("refreshes", "expiresAt", "<"),
        proved.leases_never_get_shorter,
    ),
    Mutation("release: container", without("frees", "containerId"), held.only_the_owner_releases),
    Mutation("release: fence", without("frees", "fence"), held.only_the_owner_releases),
    Mutation(
        "release: the last message",
        without("frees", "messages"),
        held.last_message_frees_the_key,
    ),
    Mutation(
        "release: no message left",
        without("frees", "messages", "missing"),
        held.last_message_frees_the_key,
    ),
    Mutation(
        "leaving: container",
        without("leaves", "containerId"),
        held.leaving_meets_a_new_owner,
    ),
    Mutation("leaving: fence", without("leaves", "fence"), held.leaving_meets_a_new_owner),
    Mutation(
        "leaving: who is last frees the key",
        patching(owners.Owners, "_shares", lambda *_: True),
        held.releases_at_once_free_the_key,
    ),
    Mutation(
        "record: once",
        patching(Wire, "rewrite", staticmethod(plain_put)),
        proved.message_is_recorded_once,
    ),
    Mutation(
        "row: what cannot be read is kept", lenient, proved.row_that_cannot_be_read_is_nobody_s
    ),
)
