"""
Refresh and release what one holds: only by the owner, who shows its fence.

Calls: dynamodb:UpdateItem, one where nobody else's messages are in the way. A refusal brings who
holds the key now. Twice is once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from job_claims.endings import Owned, Owner
from job_claims.layout import MESSAGES, Layout, one
from job_claims.update import Expression, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.fields import Holder, JobKey
    from job_claims.settings import ClaimSettings
    from job_claims.update import Row, Table, Written


class Owners:
    """The table of active jobs, for those who hold a key."""

    def __init__(
        self, table: Table, settings: ClaimSettings, wall_clock: Callable[[], float]
    ) -> None:
        """Write rows of *table*."""
        self._table, self._settings, self._layout = table, settings, Layout(settings)
        self._wall_clock = wall_clock

    def refresh(self, key: JobKey, holder: Holder) -> Owned:
        """
        Make the owner's lease longer, while it has not ended; never shorter.

        Where another clock has made it longer than ours would, it stays as it is: whoever was told
        of that end may rely on it.
        """
        now_s, with_ = int(self._wall_clock()), Expression()
        ends, until_s = self._layout.names.expires_at, now_s + self._settings.lease_s
        written = self._table.update(
            self._layout.key(key),
            with_,
            assign=self._layout.lease(with_, until_s),
            condition=f"{self._layout.held_by(with_, holder)}"
            f" AND {with_.above(ends, now_s)} AND {with_.below(ends, until_s + 1)}",
        )
        claim = self._layout.claim(written.row)
        if claim and claim.holder == holder and claim.expires_at_s >= until_s:
            return Owned(Owner.DONE, claim)
        return self._owned(written, holder, now_s)

    def release(self, key: JobKey, holder: Holder, message_id: str | None = None) -> Owned:
        """
        Free the key, if it is still *holder*'s, and keep its fence.

        With *message_id* that message is done, and the key is freed when no other is left; without
        it the key is freed whatever else its owner works on. The claim that is returned is the one
        that ended; None where it had been freed before.
        """
        now_s = int(self._wall_clock())
        written = self._freed(key, holder, now_s, message_id)
        if not written.applied and message_id is not None and self._shares(written.row, holder):
            left = self._without(key, holder, message_id)
            if left.applied and self._shares(left.row, holder):
                return Owned(Owner.SHARED, self._layout.claim(left.row))
            # All others were done meanwhile, too, and left it to us; or another has just come.
            written = self._freed(key, holder, now_s, message_id)
            if not written.applied and self._shares(written.row, holder):
                return Owned(Owner.SHARED, self._layout.claim(written.row))
        if not written.applied and self._is_free_since(written.row, holder):
            return Owned(Owner.DONE, None)
        return self._owned(written, holder, now_s)

    def _freed(self, key: JobKey, holder: Holder, now_s: int, message_id: str | None) -> Written:
        names, with_ = self._layout.names, Expression()
        condition = self._layout.held_by(with_, holder)
        if message_id is not None:
            last = with_.equal(MESSAGES, one(message_id))
            condition += f" AND ({with_.missing(MESSAGES)} OR {last})"
        return self._table.update(
            self._layout.key(key),
            with_,
            assign={names.ttl: with_.value(number(now_s + self._settings.fence_retention_s))},
            condition=condition,
            remove=self._layout.of_claim,
            returned="ALL_OLD",
        )

    def _without(self, key: JobKey, holder: Holder, message_id: str) -> Written:
        with_ = Expression()
        return self._table.update(
            self._layout.key(key),
            with_,
            delete={MESSAGES: with_.value(one(message_id))},
            condition=self._layout.held_by(with_, holder),
        )

    def _shares(self, row: Row | None, holder: Holder) -> bool:
        """Say whether *row* is still *holder*'s, with messages that it works on."""
        claim = self._layout.claim(row)
        return claim is not None and claim.holder == holder and bool(claim.messages)

    def _owned(self, written: Written, holder: Holder, now_s: int) -> Owned:
        claim = self._layout.claim(written.row)
        if written.applied:
            return Owned(Owner.DONE, claim)
        if claim is None:
            return Owned(Owner.FREE, None)
        ended = claim.holder == holder and not claim.live(now_s)
        return Owned(Owner.EXPIRED if ended else Owner.LOST, claim)

    def _is_free_since(self, row: Row | None, holder: Holder) -> bool:
        """Say whether *holder* itself freed the row: the fence is still the one that it had."""
        return (
            row is not None
            and self._layout.claim(row) is None
            and self._layout.fence(row) == holder.fence
        )
