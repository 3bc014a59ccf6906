"""
Start runs of the expiry against a database, through a wire or straight.
"""

from __future__ import annotations

import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from postgres_expiry.access import connector
from postgres_expiry.request import Request
from postgres_expiry.run import Run
from postgres_expiry.settings import Settings
from tests.safety.postgres_world import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.postgres.database import Database
    from tests.safety.postgres_wire import Wire

NOTHING: Mapping[str, str] = {}
QUIET = Logger(service="postgres_expiry_proofs", level="CRITICAL")  # hundreds of runs


@dataclass(frozen=True, slots=True)
class Stage:
    """A database as the run's role sees it, and the folder that its password is in."""

    database: Database
    folder: Path

    @property
    def password_file(self) -> Path:
        """Where the run reads its password, for each connection anew."""
        return self.folder / "password"

    def as_role(self, role: Database) -> Stage:
        """Return this stage with another role."""
        return replace(self, database=role)

    def write_password(self, password: str) -> None:
        """Let the next connection log in with *password*; no reader sees the file half written."""
        written = self.password_file.with_name(f"password-{uuid.uuid4().hex}")
        written.write_text(f"{password}\n")
        written.replace(self.password_file)

    def environment(self, port: int) -> dict[str, str]:
        """Return the run's environment."""
        return {
            "PG_DB_HOST": self.database.host,
            "PG_DB_PORT": str(port),
            "PG_DB_NAME": self.database.name,
            "PG_DB_USER": self.database.user,
            "PG_PASSWORD_FILE": str(self.password_file),
            **(
                {"PG_CA_FILE": str(self.database.ca_file)}
                if self.database.ca_file
                else {"PG_TLS": "disable"}
            ),
            "TABLES": TABLES,
        }

    def run(
        self,
        wire: Wire | None = None,
        event: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] = NOTHING,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Run once, through *wire* where there is one; return the result."""
        self.write_password(self.database.password)
        port = wire.port if wire else self.database.port
        settings = Settings.from_env({**self.environment(port), **environment})
        made = Run(
            run_id=uuid.uuid4().hex,
            settings=settings,
            request=Request.parse(dict(event or {})),
            connect=connector(settings),
            budget=Budget.until(lambda: 900_000),
            logger=QUIET,
            sleep=sleep,
        )
        with redirect_stdout(StringIO()):  # metrics go there
            return made.execute()
