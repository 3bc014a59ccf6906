"""
A read-only replica: a real standby that streams from a server of ours.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.postgres.database import ADMIN, HOST
from tests.postgres.servers import Embedded18, PostgresError

if TYPE_CHECKING:
    from tests.postgres.database import Database

PATIENCE_S = 20.0


class Standby18(Embedded18):
    """A replica of a running :class:`Embedded18`, with the same roles and passwords."""

    def __init__(self, primary: Embedded18) -> None:
        """Prepare a replica of *primary*, which has to run for as long as this does."""
        source = f"host={HOST} port={primary.port} user={ADMIN} password={primary.password}"
        super().__init__({"primary_conninfo": source})
        self.password = primary.password
        self.primary = primary

    def create(self) -> None:
        """Copy the primary's data."""
        self.run(
            "pg_basebackup",
            *("--pgdata", str(self.data), "--checkpoint", "fast", "--no-sync"),
            *("--host", HOST, "--port", str(self.primary.port), "--username", ADMIN),
            PGPASSWORD=self.primary.password,
        )
        (self.data / "standby.signal").touch()

    def catch_up(self) -> Database:
        """
        Wait until all that the primary has committed can be read here; return the database.

        Raises:
            PostgresError: It does not catch up.
        """
        position = self.primary.database.run("select pg_current_wal_lsn()::text")[0][0]
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            reached = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            if self.database.run(reached, position) == [(True,)]:
                return self.database
            time.sleep(0.02)
        raise PostgresError(f"the standby does not catch up\n{self.log()[-4000:]}")
