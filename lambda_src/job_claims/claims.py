"""
Claim, refresh and release a key: one conditional write each, and the store decides who wins.

Calls: dynamodb:UpdateItem, dynamodb:GetItem. A claim is a lease with a fence: the lease ends by
itself, the fence only grows. Whoever writes for a job shows its fence; a container that was
paused and wakes up has an old one. Readers compare ``expiresAt`` themselves: TTL may be days late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.errors import ClaimError
from job_claims.endings import Claim, Claimed, Ending, Owned, Owner
from job_claims.rate import WINDOW, Window
from job_claims.update import Expression, number, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.fields import Holder, JobKey
    from job_claims.request import ClaimRequest
    from job_claims.settings import ClaimSettings
    from job_claims.update import Row, Table, Written

TRIES = 5  # a claim that loses to a change each time; a fifth in a row is somebody's loop


class Claims:
    """The table of active jobs."""

    def __init__(
        self,
        table: Table,
        settings: ClaimSettings,
        wall_clock: Callable[[], float],
        new_container_id: Callable[[int], str],
    ) -> None:
        """Claim rows of *table*; *new_container_id* is given the time in seconds."""
        self._table, self._settings, self._names = table, settings, settings.attributes
        self._wall_clock, self._new_container_id = wall_clock, new_container_id

    def find(self, key: JobKey) -> Claim | None:
        """Return who holds *key*, read consistently; the lease may have ended."""
        row = self._table.get(self._key(key))
        return self._claim(row) if row else None

    def claim(self, request: ClaimRequest) -> Claimed:
        """
        Claim a key that is free, whose lease has ended, or that ``preempt`` takes over.

        One write where it succeeds or another thread holds the key; a second one where the same
        thread does, whose lease is made longer.

        Raises:
            ClaimError: The row changed under every try.
            StoreError: A call failed.
        """
        for _ in range(TRIES):
            now_s = int(self._wall_clock())
            window = Window.at(now_s, self._settings.rate)
            container = request.container_id or self._new_container_id(now_s)
            written = self._take(request, container, now_s, window)
            ended = self._judged(request, written, container, now_s, window)
            if ended is not None:
                return ended
        raise ClaimError(f"{TRIES} tries to claim the key each met a row that had changed again")

    def refresh(self, key: JobKey, holder: Holder) -> Owned:
        """Make the owner's lease longer; refuse a fence that is not the current one."""
        now_s = int(self._wall_clock())
        with_ = Expression()
        written = self._table.update(
            self._key(key),
            with_,
            assign=self._lease(with_, now_s),
            condition=f"{self._held_by(with_, holder)}"
            f" AND {with_.above(self._names.expires_at, now_s)}",
        )
        return self._owned(written, holder, now_s)

    def release(self, key: JobKey, holder: Holder) -> Owned:
        """
        Free the key, if it is still *holder*'s, and keep its fence; twice is once.

        The claim that is returned is the one that ended; None where it had been freed before.
        """
        now_s = int(self._wall_clock())
        names, with_ = self._names, Expression()
        written = self._table.update(
            self._key(key),
            with_,
            assign={names.ttl: with_.value(number(now_s + self._settings.fence_retention_s))},
            condition=self._held_by(with_, holder),
            remove=(
                names.container_id,
                names.thread_id,
                names.message_id,
                names.claimed_at,
                names.expires_at,
            ),
            returned="ALL_OLD",
        )
        if not written.applied and self._is_free_since(written.row, holder):
            return Owned(Owner.DONE, None)
        return self._owned(written, holder, now_s)

    def _take(
        self,
        request: ClaimRequest,
        container: str,
        now_s: int,
        window: Window,
        *,
        anew: bool = False,
    ) -> Written:
        """Write a claim, if the row lets it; *anew*: the slot counts another window."""
        names, with_ = self._names, Expression()
        condition = self._takeable(with_, request, now_s)
        if window.limit:
            condition = f"({condition}) AND ({_within_rate(with_, window, anew=anew)})"
        return self._table.update(
            self._key(request.key),
            with_,
            assign={
                names.container_id: with_.value(text(container)),
                names.thread_id: with_.value(text(request.thread_id)),
                names.message_id: with_.value(text(request.message_id)),
                names.claimed_at: with_.value(number(now_s)),
                names.fence: self._next_fence(with_),
                **self._lease(with_, now_s),
                **_counted(with_, window, anew=anew),
            },
            condition=condition,
            remove=window.others if window.limit else (),
        )

    def _takeable(self, with_: Expression, request: ClaimRequest, now_s: int) -> str:
        """Hold while the key is free, was left behind, or is the very claim to take over."""
        names = self._names
        ended_s = now_s - self._settings.clock_skew_s  # by the clock of whoever is behind, too
        ways = [with_.missing(names.container_id), with_.below(names.expires_at, ended_s)]
        if request.preempt:
            ways.append(f"({self._held_by(with_, request.preempt)})")
        return " OR ".join(ways)

    def _judged(
        self,
        request: ClaimRequest,
        written: Written,
        container: str,
        now_s: int,
        window: Window,
    ) -> Claimed | None:
        """Say what became of a claim; None where the row has changed and another try is due."""
        row = written.row
        if row is None:
            return None
        claim = self._claim(row)
        if claim and (written.applied or claim.container_id == container != request.container_id):
            # Not applied, yet ours: an earlier try of the SDK was, and its answer was lost.
            return Claimed(Ending.CLAIMED, claim, preempted=request.preempt is not None)
        if claim is None or self._open_to(request, claim, now_s):
            return self._limited(request, row, container, now_s, window)
        if claim.live(now_s) and claim.thread_id == request.thread_id:
            return self._extended(request.key, claim, now_s)
        wait_s = claim.expires_at_s + self._settings.clock_skew_s - now_s + 1
        return Claimed(Ending.HELD, claim, retry_after_s=max(1, wait_s))

    def _limited(
        self, request: ClaimRequest, row: Row, container: str, now_s: int, window: Window
    ) -> Claimed | None:
        """Deal with a row that only its rate can have kept from being claimed."""
        if window.used_up(row):
            holder = self._claim(row) or Claim("", "", "", 0, 0, self._fence(row))
            return Claimed(Ending.LIMITED, holder, retry_after_s=max(1, window.ends_s - now_s))
        if window.stale(row):
            written = self._take(request, container, now_s, window, anew=True)
            claim = self._claim(written.row or {})
            if written.applied and claim:
                return Claimed(Ending.CLAIMED, claim, preempted=request.preempt is not None)
        return None

    def _extended(self, key: JobKey, claim: Claim, now_s: int) -> Claimed | None:
        """Make a live lease of the same thread longer; container and fence stay."""
        if claim.expires_at_s >= now_s + self._settings.lease_s:
            return Claimed(Ending.REFRESHED, claim)  # by a clock before ours: it is long enough
        with_ = Expression()
        holder = f"{with_.equal(self._names.container_id, text(claim.container_id))}"
        written = self._table.update(
            self._key(key),
            with_,
            assign=self._lease(with_, now_s),
            condition=f"{holder} AND {with_.equal(self._names.fence, number(claim.fence))}"
            f" AND {with_.above(self._names.expires_at, now_s)}",
        )
        longer = self._claim(written.row or {})
        return Claimed(Ending.REFRESHED, longer) if written.applied and longer else None

    def _open_to(self, request: ClaimRequest, claim: Claim, now_s: int) -> bool:
        """Say whether a claim that was read would let *request* take over."""
        ended = claim.expires_at_s < now_s - self._settings.clock_skew_s
        wanted = request.preempt
        return ended or bool(
            wanted and (wanted.container_id, wanted.fence) == (claim.container_id, claim.fence)
        )

    def _owned(self, written: Written, holder: Holder, now_s: int) -> Owned:
        claim = self._claim(written.row or {})
        if written.applied:
            return Owned(Owner.DONE, claim)
        if claim is None:
            return Owned(Owner.FREE, None)
        ours = (claim.container_id, claim.fence) == (holder.container_id, holder.fence)
        return Owned(Owner.EXPIRED if ours and not claim.live(now_s) else Owner.LOST, claim)

    def _is_free_since(self, row: Row | None, holder: Holder) -> bool:
        """Say whether *holder* itself freed the row: the fence is still the one that it had."""
        return row is not None and self._claim(row) is None and self._fence(row) == holder.fence

    def _held_by(self, with_: Expression, holder: Holder) -> str:
        names = self._names
        container = with_.equal(names.container_id, text(holder.container_id))
        return f"{container} AND {with_.equal(names.fence, number(holder.fence))}"

    def _lease(self, with_: Expression, now_s: int) -> dict[str, str]:
        expires_s = now_s + self._settings.lease_s
        return {
            self._names.expires_at: with_.value(number(expires_s)),
            self._names.ttl: with_.value(number(expires_s + self._settings.fence_retention_s)),
        }

    def _next_fence(self, with_: Expression) -> str:
        """
        Write the fence: one more than the last, or, where no row is left, than now in ms.

        Now in milliseconds is greater than any fence that a removed row had: a key is claimed far
        less than a thousand times a second, and the row stays for the retention.
        """
        begin = with_.value(number(int(self._wall_clock() * 1000)))
        fence = with_.name(self._names.fence)
        return f"if_not_exists({fence}, {begin}) + {with_.value(number(1))}"

    def _key(self, key: JobKey) -> Row:
        return {self._names.key: text(str(key))}

    def _fence(self, row: Row) -> int:
        return int(row.get(self._names.fence, {}).get("N", 0))

    def _claim(self, row: Row) -> Claim | None:
        """Return what *row* holds; None where the key is free."""
        names = self._names
        container = row.get(names.container_id, {}).get("S")
        if container is None:
            return None
        return Claim(
            container,
            row.get(names.thread_id, {}).get("S", ""),
            row.get(names.message_id, {}).get("S", ""),
            int(row.get(names.claimed_at, {}).get("N", 0)),
            int(row.get(names.expires_at, {}).get("N", 0)),
            self._fence(row),
        )


def _within_rate(with_: Expression, window: Window, *, anew: bool) -> str:
    """Hold while the window has claims left; *anew*: while the slot counts another window."""
    same = with_.equal(WINDOW, number(window.number))
    if anew:
        return f"NOT {same}"
    return f"{with_.missing(window.slot)} OR ({same} AND {with_.below(window.slot, window.limit)})"


def _counted(with_: Expression, window: Window, *, anew: bool) -> dict[str, str]:
    if not window.limit:
        return {}
    one = with_.value(number(1))
    slot = with_.name(window.slot)
    count = one if anew else f"if_not_exists({slot}, {with_.value(number(0))}) + {one}"
    return {window.slot: count, WINDOW: with_.value(number(window.number))}
