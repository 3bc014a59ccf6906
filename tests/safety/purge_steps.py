"""
Let another session in before each statement of a purge, and compare with either order of the two.

Whatever the application does while a record is purged must end as if it had come before or after
the purge as a whole: with the same rows, the same objects, and the same answer to the application.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from expiry.budget import Budget
from expiry.outcomes import Outcome
from expiry.postgres.link import Link
from soft_delete_purge import drain, record
from tests.postgres.expiry_runs import Watched
from tests.postgres.purge_runs import QUIET
from tests.postgres.purge_scene import checked, terms
from tests.postgres.sessions import open_session
from tests.safety.purge_stage import ALIVE, DEAD, NEW, State
from tests.safety.wire import Wire as Calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from expiry.postgres.session import Session
    from tests.safety.purge_stage import Stage

PATIENCE_S = 20.0
LOOK_S = 0.002
ENDLESS = Budget(lambda: 3_600_000, reserve_s=0)
COMMIT = "commit"
TAKE_OVER = f"insert into files (id, moc_id, s3_key) values (9, '{ALIVE}', 'd1/a')"

Rewrite = Callable[[str], str]
Write = Callable[["psycopg.Connection[tuple[Any, ...]]"], str]


def unchanged(text: str) -> str:
    """Rewrite nothing."""
    return text


@dataclass(frozen=True, slots=True)
class Ended:
    """How the two ended."""

    state: State
    answer: str  # to the application
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Writer:
    """What the application does, as one statement."""

    name: str
    sql: str

    def __call__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> str:
        """Do it; return how many rows it was told of, or the error."""
        try:
            return f"{connection.execute(self.sql.encode()).rowcount} rows"
        except psycopg.Error as error:
            return str(error.sqlstate)


class Stepped(Watched):
    """A session whose statements, and whose COMMIT, are seen; each may be another."""

    def __init__(self, session: Session, seen: Callable[[str], None], rewrite: Rewrite) -> None:
        super().__init__(session, seen)
        self._rewrite = rewrite

    def run(self, sql: str, /, **parameters: Any) -> Any:
        self._seen(sql)
        changed = self._rewrite(sql)
        used = {name: each for name, each in parameters.items() if f":{name}" in changed}
        return self._session.run(changed, **used)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._session.transaction():
            yield
            self._seen(COMMIT)


@dataclass
class Steps:
    """Sessions that last from one race to the next. Use ``with``."""

    stage: Stage
    rewrite: Rewrite = unchanged
    application_pid: int = field(init=False)  # the server's process of whoever writes

    def __enter__(self) -> Self:
        """Log in, all of them."""
        database = self.stage.database
        self.session = open_session(database)
        self.session.run(f"set lock_timeout = '{PATIENCE_S:.0f}s'")
        self.application = database.connect()
        self.application_pid = self.application.info.backend_pid
        self.watcher = database.connect()
        self.bound, self.terms = checked(self.session).bound, terms(self.session)
        self.pool = ThreadPoolExecutor(2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log out."""
        self.pool.shutdown()
        self.session.close()
        self.application.close()
        self.watcher.close()

    @contextmanager
    def patience(self, timeout: str) -> Iterator[None]:
        """Let the purge wait for a lock as long as that."""
        self.session.run(f"set lock_timeout = '{timeout}'")
        yield
        self.session.run(f"set lock_timeout = '{PATIENCE_S:.0f}s'")

    # Nobody disturbs

    def orders(self, write: Write) -> set[Ended]:
        """Return how the two may end: either first, or the purge passing the record by."""
        self.stage.reset()
        answer = write(self.application)
        passed = Ended(self.stage.state(), answer, Outcome.CHANGED)
        outcome = self.purge()
        before = self.ended(answer, outcome)
        self.stage.reset()
        outcome = self.purge()
        after = self.ended(write(self.application), outcome)
        return {passed, before, after}

    def purge(self, seen: Callable[[str], None] = lambda _: None) -> Outcome:
        """Purge the record."""
        stepped: Any = Stepped(self.session, seen, self.rewrite)
        purged = record.purge(
            stepped, self.bound, DEAD, self.terms, self.stage.look, sleep=lambda _: None
        )
        return purged.outcome

    def statements(self) -> list[str]:
        """Return what a purge sends when nobody disturbs."""
        self.stage.reset()
        found: list[str] = []
        self.purge(found.append)
        return found

    def ended(self, answer: str, outcome: Outcome) -> Ended:
        """Drain, and return how all ended."""
        self.drain()
        return Ended(self.stage.state(), answer, outcome)

    def drain(self, seen: Callable[[str], None] = lambda _: None) -> None:
        """Empty the outbox."""
        stepped: Any = Stepped(self.session, seen, self.rewrite)
        link = Link(lambda _: stepped, ENDLESS, lambda _: None, read_only=False)
        bucket = self.stage.objects()
        drain.Drain(link, self.bound, lambda _: bucket, ENDLESS, QUIET, claim=1).run()

    # Races

    def problems(self, write: Write, *, late: bool = False) -> list[str]:
        """
        Let *write* in before each statement; say where that ended as neither order does.

        Args:
            late: It commits no sooner than the purge waits for it, or has ended.
        """
        rewrite, self.rewrite = self.rewrite, unchanged
        steady, statements = self.orders(write), self.statements()
        self.rewrite = rewrite
        found = []
        for step, sql in enumerate(statements):
            ended = self.race(write, step, late=late)
            if ended not in steady:
                found.append(f"before {sql[:70]!r}: {ended.answer}, {ended.outcome}")
        return found

    def race(self, write: Write, step: int, *, late: bool = False) -> Ended:
        """Let *write* in before statement number *step*; return how the two ended."""
        self.stage.reset()
        reached, go_on, commit = threading.Event(), threading.Event(), threading.Event()
        place = iter(range(1_000))

        def seen(_: str) -> None:
            if next(place) == step:
                reached.set()
                assert go_on.wait(PATIENCE_S)

        def application() -> str:
            if not late:
                return write(self.application)
            self.application.execute("begin")
            answer = write(self.application)
            written.set()
            assert commit.wait(PATIENCE_S)
            self.application.execute("commit")
            return answer

        written = threading.Event()
        purging = self.pool.submit(self.purge, seen)
        assert reached.wait(PATIENCE_S)
        writing = self.pool.submit(application)
        self.until(lambda: written.is_set() or writing.done() or self.waits(self.application_pid))
        go_on.set()
        self.until(lambda: self._ends(purging, commit))
        commit.set()
        return self.ended(writing.result(PATIENCE_S), purging.result(PATIENCE_S))

    def _ends(self, purging: Future[Outcome], commit: threading.Event) -> bool:
        if not commit.is_set() and self.waits(self.session.process_id):
            commit.set()
        return purging.done()

    def waits(self, process_id: int) -> bool:
        """Tell whether a session waits for a lock of another one."""
        asked = "select cardinality(pg_blocking_pids(%s)) > 0"
        (row,) = self.watcher.execute(asked, (process_id,)).fetchall()
        return bool(row[0])

    def takeovers(self) -> list[str]:
        """
        Let a record upload its own file to a purged key, and name it, before any one step.

        Returns:
            Before which statements and calls that lost the file.
        """
        found = []
        for step in range(1_000):
            if not (name := self._taken_over(step)):
                break
            there = {("S3:d1/a", NEW)}
            if not there <= self.stage.state():
                found.append(f"before {name[:70]!r}")
        assert step > len(self.statements())
        return found

    def _taken_over(self, step: int) -> str:
        """Take a key over before that *step* of purge and drain; return which one it was."""
        self.stage.reset()
        place, taken = iter(range(1_000)), list[str]()

        def seen(name: str) -> None:
            if next(place) == step:
                taken.append(name)
                self.stage.store.put("d1/a", NEW)
                self.application.execute(TAKE_OVER.encode())

        calls = Calls(before=lambda call: seen(call.operation), disturb=self.stage.store)
        self.stage.s3 = calls.wrap(self.stage.account.client("s3"))
        self.purge(seen)
        self.drain(seen)
        return "".join(taken)

    @staticmethod
    def until(found: Callable[[], bool]) -> None:
        """Look until it is so."""
        end_s = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < end_s, "nothing came of it"
            time.sleep(LOOK_S)
