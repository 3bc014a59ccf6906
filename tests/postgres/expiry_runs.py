"""
Runs of the expiry against a real database, as the Lambda would make them.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from postgres_expiry.access import connector
from postgres_expiry.request import Request
from postgres_expiry.run import Run
from postgres_expiry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from expiry.postgres.session import Session
    from tests.postgres.database import Database

NOW_S = int(time.time())
ROWS = {"rows": {"table": "rows", "expiry": {"column": "expires_at", "kind": "epoch_seconds"}}}
QUIET = Logger(service="expiry_runs", level="CRITICAL")
CREATE_ROWS = """
    create table rows (id bigint primary key, expires_at bigint, note text default '');
    create index rows_expiry on rows (expires_at);
"""


def variables(database: Database, password_file: Path, **more: str) -> dict[str, str]:
    """Return the environment of a function, but for the password's file."""
    tls = {"PG_CA_FILE": str(database.ca_file)} if database.ca_file else {"PG_TLS": "disable"}
    return {
        "PG_DB_HOST": database.host,
        "PG_DB_PORT": str(database.port),
        "PG_DB_NAME": database.name,
        "PG_DB_USER": database.user,
        "PG_PASSWORD_FILE": str(password_file),
        **tls,
        **more,
    }


class Watched:
    """A session whose statements are seen before they are sent."""

    def __init__(self, session: Session, seen: Callable[[str], None]) -> None:
        self._session, self._seen = session, seen

    def __getattr__(self, name: str) -> Any:
        """Be the session in everything else."""
        return getattr(self._session, name)

    def run(self, sql: str, /, **parameters: Any) -> Any:
        self._seen(sql)
        return self._session.run(sql, **parameters)


def watching(
    seen: Callable[[str], None],
) -> Callable[[Callable[[bool], Session]], Callable[[bool], Session]]:
    """Return what lets *seen* know of each statement, for ``expire(around=…)``."""

    def around(connect: Callable[[bool], Session]) -> Callable[[bool], Session]:
        def open_session(read_only: bool) -> Session:  # noqa: FBT001 - the one argument of a callable
            watched: Any = Watched(connect(read_only), seen)
            session: Session = watched
            return session

        return open_session

    return around


def is_batch(sql: str) -> bool:
    """Tell whether a statement deletes (and is not only planned)."""
    return "delete from" in sql and not sql.startswith("explain")


@contextmanager
def password_of(database: Database) -> Iterator[Path]:
    """Write the password to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "password"
        path.write_text(f"{database.password}\n", encoding="utf-8")
        yield path


def expire(
    database: Database,
    event: Mapping[str, Any] | None = None,
    *,
    tables: Mapping[str, Any] | None = ROWS,
    left_s: Callable[[], float] = lambda: 1_000.0,
    around: Callable[[Callable[[bool], Session]], Callable[[bool], Session]] = lambda made: made,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = lambda _: None,
    emits: bool = False,
    **more: str,
) -> dict[str, Any]:
    """Run once on *database*, by *tables* or (None) by the preset; return the result."""
    chosen = {"PRESET": "actingweb"} if tables is None else {"TABLES": json.dumps(tables)}
    with password_of(database) as path:
        settings = Settings.from_env(variables(database, path, **chosen, **more))
        return Run(
            run_id="run",
            settings=settings,
            request=Request.parse(dict(event or {})),
            connect=around(connector(settings)),
            budget=Budget(lambda: int(left_s() * 1000), 0.0),
            logger=QUIET,
            emits=emits,
            clock=clock,
            sleep=sleep,
        ).execute()


def fill(database: Database, expired: int, alive: int = 0, *, first: int = 1) -> None:
    """Put rows of each sort into the table of CREATE_ROWS, the expired ones a second apart."""
    database.run(
        "insert into rows select n, %s - 86400 - n from generate_series(%s::int, %s::int) n",
        NOW_S,
        first,
        first + expired - 1,
    )
    last = first + expired + alive - 1
    database.run(
        "insert into rows select n, %s + 86400 from generate_series(%s::int, %s::int) n",
        NOW_S,
        first + expired,
        last,
    )


def ids(database: Database) -> set[int]:
    """Return the rows that are there."""
    return {row for (row,) in database.run("select id from rows")}
