"""
A shop's database in which everything is there that an expiry can meet: what goes, and what stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tools.demo import postgres_access

if TYPE_CHECKING:
    from tests.cloud import Account
    from tests.postgres.database import Database

SCHEMA = """
create table sessions (
    id bigint primary key generated always as identity, customer text not null,
    expires_at timestamptz, why text not null
);
create index on sessions (expires_at);
create table carts (
    customer text, number int, made_at bigint, pinned boolean not null, why text not null,
    primary key (customer, number)
);
create index on carts (made_at);
create table items (
    customer text, number int, sku text, primary key (customer, number, sku),
    foreign key (customer, number) references carts on delete cascade
);
"""
ROWS = """
insert into sessions (customer, expires_at, why)
select 'c' || n, now() - n * interval '1 minute' - interval '1 hour', 'expired'
from generate_series(1, 1200) n;
insert into sessions (customer, expires_at, why)
select 'c' || n, now() + n * interval '1 minute', 'alive' from generate_series(1, 400) n;
insert into sessions (customer, expires_at, why)
select 'c' || n, null, 'never ends' from generate_series(1, 30) n;
insert into sessions (customer, expires_at, why)
select 'c' || n, now() + interval '10 minutes', 'renewed' from generate_series(1, 20) n;
insert into carts
select 'c' || n, n, extract(epoch from now())::bigint - 8 * 86400 - n, false, 'a week old'
from generate_series(1, 300) n;
insert into carts
select 'c' || n, 1000 + n, extract(epoch from now())::bigint - 86400, false, 'a day old'
from generate_series(1, 150) n;
insert into carts
select 'c' || n, 2000 + n, extract(epoch from now())::bigint - 90 * 86400, true, 'old, but pinned'
from generate_series(1, 25) n;
insert into items select customer, number, 'sku' from carts;
"""
EMPTY = "truncate items, carts, sessions"
PRIVILEGES = (
    "select, update, delete on sessions, carts, items",
    "usage on schema public",
)
KINDS = ("expired", "alive", "never ends", "renewed", "a week old", "a day old", "old, but pinned")
GOES = {"expired": "sessions", "a week old": "carts"}
TOLD = {"sessions": 1200, "carts": 300}  # what a run says that it deleted
FILLED = {"sessions": 1650, "carts": 475, "items": 475}
LEFT = {"sessions": 450, "carts": 175, "items": 175}


@dataclass
class Scene:
    """One database: as its owner to fill it, as the function's user to look."""

    database: Database
    filled: dict[str, int] = field(default_factory=lambda: dict(FILLED))

    def fill(self) -> None:
        """Make the tables and their rows."""
        self._run(SCHEMA + ROWS)

    def fill_again(self) -> None:
        """Put every row back as it was at first; the owner's to do."""
        self._run(EMPTY + ";" + ROWS)

    def counts(self) -> dict[str, int]:
        """Count the rows that are there, by table."""
        counted = """
            select (select count(*) from sessions), (select count(*) from carts),
                   (select count(*) from items)
        """
        return dict(zip(FILLED, self.owner.run(counted)[0], strict=True))

    def survivors(self) -> dict[str, int]:
        """Count the rows that are there, by what they are."""
        told = "select why, count(*) from {} group by why"
        return {
            why: count
            for table in ("sessions", "carts")
            for why, count in self.owner.run(told.format(table))
        }

    @property
    def living(self) -> dict[str, int]:
        """How many rows of each kind must survive every run."""
        return {
            "alive": 400,
            "never ends": 30,
            "renewed": 20,
            "a day old": 150,
            "old, but pinned": 25,
        }

    def secret_text(self, password: str = "") -> str:
        """Write the secret as RDS does."""
        return postgres_access.secret_text(self.database, password)

    def secret(self, account: Account) -> str:
        """Put the password into Secrets Manager; return the secret's ARN."""
        return postgres_access.stored(account, self.database, "shop/expiry")

    def variables(self, secret_arn: str) -> dict[str, str]:
        """Return what the example needs to know of it, as Terraform reads it."""
        return postgres_access.variables(self.database, secret_arn)

    @property
    def owner(self) -> Database:
        """The same database as its owner sees it."""
        return replace(self.database.server.database, name=self.database.name)

    def _run(self, script: str) -> None:
        with self.owner.connect() as connection:
            connection.execute(script.encode())
