"""
Claim a key: one conditional write, and the store decides who wins.

Calls: dynamodb:UpdateItem, dynamodb:GetItem. A claim is a lease with a fence: the lease ends by
itself, the fence only grows. Whoever writes for a job shows its fence; a container that was
paused and wakes up has an old one. Readers compare ``expiresAt`` themselves: TTL may be days late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.errors import ClaimError
from job_claims.endings import Claim, Claimed, Ending
from job_claims.layout import MESSAGE_AT, MESSAGES, Layout, one
from job_claims.rate import Window
from job_claims.update import Expression, moment, number, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.fields import JobKey
    from job_claims.request import ClaimRequest
    from job_claims.settings import ClaimSettings
    from job_claims.update import Row, Table, Written

TRIES = 5  # a claim that loses to a change each time; a fifth in a row is somebody's loop
MS = 1_000


class Claims:
    """The table of active jobs, for those who want a key."""

    def __init__(
        self,
        table: Table,
        settings: ClaimSettings,
        wall_clock: Callable[[], float],
        new_container_id: Callable[[int], str],
    ) -> None:
        """Claim rows of *table*; *new_container_id* is given the time in seconds."""
        self._table, self._settings, self._layout = table, settings, Layout(settings)
        self._wall_clock, self._new_container_id = wall_clock, new_container_id

    def find(self, key: JobKey) -> Claim | None:
        """Return who holds *key*, read consistently; the lease may have ended."""
        return self._layout.claim(self._table.get(self._layout.key(key)))

    def claim(self, request: ClaimRequest) -> Claimed:
        """
        Claim a key that is free, whose lease has ended, or that ``preempt`` takes over.

        One write where it succeeds or another thread holds the key; a second one where the same
        thread does, whose lease is made longer.

        Raises:
            ClaimError: The row changed under every try, or cannot be read.
            StoreError: A call failed.
        """
        met: Row | None = None
        for _ in range(TRIES):
            attempt = _Try(self, request, met)
            ended = attempt.ended()
            if ended is not None:
                return ended
            met = attempt.met
        raise ClaimError(f"{TRIES} tries to claim the key each met a row that had changed again")

    @property
    def means(self) -> tuple[Table, ClaimSettings, Layout]:
        """Return the table, the settings and the names of a claim."""
        return self._table, self._settings, self._layout

    def now(self) -> float:
        """Return the time in seconds."""
        return self._wall_clock()

    def container_id(self, request: ClaimRequest, now_s: int) -> str:
        """Return the container's id: as asked for, or a new one."""
        return request.container_id or self._new_container_id(now_s)


class _Try:
    """One try of a claim, at one moment; knows the row that an earlier try has met."""

    def __init__(self, claims: Claims, request: ClaimRequest, met: Row | None) -> None:
        self._table, self._settings, self._layout = claims.means
        self._request, self.met = request, met
        now_s = claims.now()
        self._now_ms, self._now_s = int(now_s * MS), int(now_s)
        skew_s = self._settings.clock_skew_s
        self._window = Window.at(self._now_s, self._settings.rate, skew_s, met)
        self._container = claims.container_id(request, self._now_s)
        # By the clock of whoever is behind, too, a lease must have ended before it is taken.
        self._ended_s = self._now_s - skew_s
        self._expires_s = self._now_s + self._settings.lease_s

    def ended(self) -> Claimed | None:
        """Write, and say what became of it; None where the row has changed: try again."""
        written = self._take()
        self.met, claim = written.row, self._layout.claim(written.row)
        if claim and (written.applied or self._ours(claim)):
            return self._won(claim)
        if written.row is None:
            return None
        if claim is None or self._open(claim):
            return self._limited(written.row, claim)
        if claim.live(self._now_s) and claim.thread_id == self._request.thread_id:
            return self._extended(claim)
        wait_s = claim.expires_at_s - self._ended_s + 1
        return Claimed(Ending.HELD, claim, retry_after_s=max(1, wait_s))

    def _take(self) -> Written:
        """Write a claim, if the row lets it."""
        names, request, with_ = self._layout.names, self._request, Expression()
        condition = self._takeable(with_)
        if self._window.limit:
            condition = f"({condition}) AND ({self._window.left(with_)})"
        return self._table.update(
            self._layout.key(request.key),
            with_,
            assign={
                names.container_id: with_.value(text(self._container)),
                names.thread_id: with_.value(text(request.thread_id)),
                names.message_id: with_.value(text(request.message_id)),
                names.claimed_at: with_.value(number(self._now_s)),
                names.fence: self._next_fence(with_),
                MESSAGES: with_.value(one(request.message_id)),
                **self._layout.lease(with_, self._expires_s),
                **self._told(with_),
                **self._window.counted(with_),
            },
            condition=condition,
            remove=(*self._window.others, *self._untold()),
        )

    def _takeable(self, with_: Expression) -> str:
        """Hold while the key is free, was left behind, or is the very claim to take over."""
        names = self._layout.names
        ways = [with_.missing(names.container_id), with_.below(names.expires_at, self._ended_s)]
        if self._request.preempt:
            ways.append(f"({self._layout.held_by(with_, self._request.preempt)})")
        return " OR ".join(ways)

    def _next_fence(self, with_: Expression) -> str:
        """
        Write the fence: one more than the last, or, where no row is left, than now in ms.

        Now in milliseconds is greater than any fence that a removed row had: a key is claimed far
        less than a thousand times a second, and the row stays for the retention.
        """
        begin = with_.value(number(self._now_ms))
        fence = with_.name(self._layout.names.fence)
        return f"if_not_exists({fence}, {begin}) + {with_.value(number(1))}"

    def _ours(self, claim: Claim) -> bool:
        """Say whether an earlier try of the SDK was applied, whose answer was lost."""
        return claim.container_id == self._container != self._request.container_id

    def _open(self, claim: Claim) -> bool:
        """Say whether *claim* would let this request take over."""
        return claim.expires_at_s < self._ended_s or claim.holder == self._request.preempt

    def _won(self, claim: Claim) -> Claimed:
        return Claimed(Ending.CLAIMED, claim, preempted=self._request.preempt is not None)

    def _limited(self, row: Row, claim: Claim | None) -> Claimed | None:
        """Deal with a row that only its rate can have kept from being claimed."""
        if not self._window.used_up(row):
            return None
        holder = claim or Claim("", "", "", 0, 0, self._layout.fence(row))
        wait_s = self._window.ends_s - self._now_s
        return Claimed(Ending.LIMITED, holder, retry_after_s=max(1, wait_s))

    def _extended(self, claim: Claim) -> Claimed | None:
        """Make a live lease of the same thread longer, never shorter; container and fence stay."""
        names, with_ = self._layout.names, Expression()
        condition = [
            self._layout.held_by(with_, claim.holder),
            with_.above(names.expires_at, self._now_s),
        ]
        assign = {names.message_id: with_.value(text(self._request.message_id))}
        if claim.expires_at_s < self._expires_s:
            condition.append(with_.below(names.expires_at, self._expires_s))
            assign |= self._layout.lease(with_, self._expires_s)
        if (self._request.message_at_s or 0) > (claim.message_at_s or 0):
            assign |= self._told(with_)
        written = self._table.update(
            self._layout.key(self._request.key),
            with_,
            assign=assign,
            add={MESSAGES: with_.value(one(self._request.message_id))},
            condition=" AND ".join(condition),
        )
        self.met, longer = written.row, self._layout.claim(written.row)
        return Claimed(Ending.REFRESHED, longer) if written.applied and longer else None

    def _told(self, with_: Expression) -> dict[str, str]:
        """Assign when the message was sent, where that was told."""
        sent_s = self._request.message_at_s
        return {} if sent_s is None else {MESSAGE_AT: with_.value(moment(sent_s))}

    def _untold(self) -> tuple[str, ...]:
        return (MESSAGE_AT,) if self._request.message_at_s is None else ()
