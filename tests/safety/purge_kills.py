"""
Kill a purge at one statement or one call, before or after it took effect.

A killed process does nothing more: it cannot connect again, send a message, or tidy up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import DatabaseError
from tests.safety.postgres_wire import Wire
from tests.safety.wire import KilledError
from tests.safety.wire import Wire as Calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from expiry.postgres.session import Session
    from tests.postgres.purge_runs import Mail
    from tests.safety.purge_stage import Stage

SQL, S3, SQS = "SQL", "S3", "SQS"
OURS = "expiry.purge_"  # the tables whose statements are transactions of their own


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a run dies."""

    place: str
    number: int  # from 0, of the statements or calls there
    after: bool
    text: str = ""

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{'after' if self.after else 'before'} {self.place} {self.number} {self.text[:80]}"

    def at(self, place: str) -> int | None:
        """Return where to die at *place*."""
        return self.number if place == self.place else None


@dataclass
class Post:
    """The queues, on a wire that can be cut."""

    mail: Mail
    die_at: int | None = None
    die_after: bool = False
    sent: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        """Be the queues, and count the calls to them."""
        made = getattr(self.mail, name)
        if not callable(made):
            return made

        def call(**request: Any) -> Any:
            number = len(self.sent)
            self.sent.append(name)
            if number == self.die_at and not self.die_after:
                raise KilledError(f"before {name}")
            answer = made(**request)
            if number == self.die_at:
                raise KilledError(f"after {name}")
            return answer

        return call


def points(stage: Stage, act: Callable[[], object], *, since: str = "") -> list[Kill]:
    """
    Return each place where *act* may die: before everything, and after what has an effect.

    After a statement of a transaction is before the next one: neither is there for anybody else.

    Args:
        since: Begin with the statement that holds this.
    """
    with Wire(stage.database) as wire:
        calls, post = _connected(stage, wire, None)
        act()
    stage.mail = post.mail
    texts = wire.texts()
    first = next(place for place, text in enumerate(texts) if since in text)
    found = [Kill(SQL, n, after=False, text=texts[n]) for n in range(first, len(texts))]
    found += [
        Kill(SQL, each.number, after=True, text=each.text)
        for each in wire.requests[first:]
        if each.text == "COMMIT" or (each.writes and OURS in each.text)
    ]
    for after in (False, True):
        found += [
            Kill(S3, each.number, after, each.operation)
            for each in calls.calls
            if each.writes or not after
        ]
        found += [Kill(SQS, n, after, name) for n, name in enumerate(post.sent)]
    return found


def killed(stage: Stage, kill: Kill, act: Callable[[], object]) -> None:
    """Let *act* die at *kill*, and wait until the server knows."""
    with Wire(stage.database, kill.at(SQL), die_after=kill.after) as wire:
        _, post = _connected(stage, wire, kill)
        with pytest.raises(KilledError):
            act()
        assert wire.dead == (kill.place == SQL), str(kill)
    revived(stage, post.mail)
    stage.all_gone()


def revived(stage: Stage, mail: Mail) -> None:
    """Let the next run go straight to its stores."""
    stage.mail, stage.user = mail, None
    stage.wraps = lambda connect: connect
    stage.s3 = Calls(disturb=stage.store).wrap(stage.account.client("s3"))


def _connected(stage: Stage, wire: Wire, kill: Kill | None) -> tuple[Calls, Post]:
    at, after = (kill.at, kill.after) if kill else (lambda _: None, False)
    calls = Calls(die_at=at(S3), die_after=after, disturb=stage.store)
    post = Post(stage.mail, at(SQS), after)
    stage.s3 = calls.wrap(stage.account.client("s3"))
    stage.mail = post
    stage.user = replace(stage.database, port=wire.port)

    def wraps(connect: Callable[[bool], Session]) -> Callable[[bool], Session]:
        def opened(read_only: bool) -> Session:  # noqa: FBT001 - the one argument of a callable
            if wire.dead:
                raise KilledError("connects no more")
            try:
                return connect(read_only)
            except DatabaseError:
                assert wire.dead
                raise KilledError("died as it logged in") from None

        return opened

    stage.wraps = wraps
    return calls, post
