"""
Who claims one key at random: executions of messages, some delivered twice, some that die.

Each claims, works with pauses, commits only what a refresh has just allowed, and releases. Their
clocks differ; time jumps past the lease, and past the retention, when TTL takes the row.
"""

from __future__ import annotations

import random as randoms
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from job_claims.endings import Ending, Owner
from tests.safety.claims_history import Asked, History
from tests.safety.claims_stage import LEASE_S, RETENTION_S, SKEW_S, ClaimsStage, Party
from tests.safety.claims_turns import Seat, play
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.fields import Holder
    from tests.safety.stage import Clients

THREADS = 16
TRIES = 20
MOST_PIECES = 3  # of work, each with a commit
MOST_CALLS = 8  # of one party: where it may die


@dataclass
class Crowd:
    """So many parties on one key, and what a seed makes of them."""

    clients: Clients
    parties: int
    seed: int
    stage: ClaimsStage = field(init=False)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty table."""
        self.random = randoms.Random(self.seed)
        self.stage = ClaimsStage(self.clients)
        self.history = History(self.stage)

    def play(self) -> list[str]:
        """Let all of them act in turns; return what must not have happened."""
        works = [self._execution(number) for number in range(self.parties)]
        play(works, self.random, self._between)
        self.stage.advance(LEASE_S + 2 * SKEW_S + 2)
        if Party(self.stage).claim(thread="last").ending is not Ending.CLAIMED:
            self.history.faults.append("the key cannot be had any more")
        self.stage.tear_down()
        return self.history.faults

    def _between(self, waiting: list[Seat]) -> None:
        what = self.random.random() * self.parties  # the more there are, the longer a turn takes
        if what < 0.4:
            for seat in waiting:
                seat.killed |= seat.busy  # an invocation ends with its timeout
            self.stage.advance(RETENTION_S + LEASE_S + 2 * SKEW_S)
            self.history.expire()
        elif what < 2:
            self.stage.advance(LEASE_S + self.random.randint(-1, 2 * SKEW_S + 1))
        elif what < 5:
            self.stage.advance(self.random.choice((0.001, 1, SKEW_S, LEASE_S / 2)))

    def _execution(self, number: int) -> Callable[[Seat], None]:
        """Return what one execution does; of two numbers each the message is the same."""
        dies = self.random.random() < 0.25
        wire = Wire(
            die_at=self.random.randrange(MOST_CALLS) if dies else None,
            die_after=self.random.random() < 0.5,
        )
        skew_s = self.random.randint(-SKEW_S, SKEW_S)
        message = f"message-{number // 2}"
        party = Party(self.stage, skew_s, wire, f"thread-{number // 2 % THREADS}")
        return lambda seat: Execution(self, party, message, seat).run()


class Execution:
    """One execution of a message."""

    def __init__(self, crowd: Crowd, party: Party, message: str, seat: Seat) -> None:
        self.random, self.history = crowd.random, crowd.history
        self.party, self.message, self.seat = party, message, seat
        self.asked = Asked(party)
        party.wire.before = seat.wait
        party.wire.disturb = self.history.watch(self.asked)

    def run(self) -> None:
        """Claim, work and release; or give up."""
        holder = self._claimed()
        for _ in range(self.random.randrange(MOST_PIECES)):
            if holder is None or not self._worked(holder):
                return
        if holder and self.random.random() < 0.8:
            self._release(holder, self.message if self.random.random() < 0.8 else None)

    def _claimed(self) -> Holder | None:
        preempt = None
        for _ in range(TRIES):
            self._invoked(claims=True, preempt=preempt)
            result = self.party.claim(self.message, preempt=preempt)
            self._over()
            if result.ending in {Ending.CLAIMED, Ending.REFRESHED}:
                return result.claim.holder
            preempt = result.claim.holder if self.random.random() < 0.1 else None
            self.seat.wait()
        return None

    def _worked(self, holder: Holder) -> bool:
        self.seat.wait()  # a pause, as long as it may be
        self._invoked(refreshes=holder)
        done = self.party.refresh(holder).owner is Owner.DONE
        if done:
            self.history.commit(holder.container_id, holder.fence)
        self._over()
        return done

    def _release(self, holder: Holder, message: str | None) -> None:
        self.seat.wait()
        self._invoked(releases=holder, done=message)
        self.party.release(holder, message)
        self._over()

    def _invoked(
        self,
        *,
        claims: bool = False,
        preempt: Holder | None = None,
        refreshes: Holder | None = None,
        releases: Holder | None = None,
        done: str | None = None,
    ) -> None:
        asked = self.asked
        asked.claims, asked.preempt, asked.refreshes = claims, preempt, refreshes
        asked.releases, asked.done, self.seat.busy = releases, done, True

    def _over(self) -> None:
        self.seat.busy = False
