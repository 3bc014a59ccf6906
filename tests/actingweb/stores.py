"""
The stores that ActingWeb can use: a table of the embedded cloud, a database of a real PostgreSQL.

Both tell their rows alike, can be copied whole, and can drop what their own TTL would have.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from actingweb.db.dynamodb import _ensure
from actingweb.db.dynamodb.attribute import Attribute
from psycopg import sql

from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud import Account
    from tests.postgres.database import Database

Key = tuple[str, str]
"""A row's partition and its bucket with its name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute, as both stores hold it."""

    bucket: str
    name: str
    data: Any
    ttl: int | None


class Store(Protocol):
    """What the tests ask of either store."""

    def use(self) -> None:
        """Let ActingWeb use this store from now on."""

    def rows(self) -> dict[Key, Row]:
        """Return every row."""

    def put(self, key: Key, row: Row) -> None:
        """Write a row that ActingWeb would not write."""

    def drop_expired(self) -> None:
        """Remove what the store's own TTL, or the seed's daily job, would have removed by now."""

    def forget_ttl(self) -> None:
        """Take every row's TTL away, as if an older ActingWeb had written it."""

    def copy(self) -> Store:
        """Return another store with the same rows."""


@dataclass
class Table:
    """An attributes table in the embedded cloud, without a TTL that would come by itself."""

    account: Account
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}_attributes")
    wire: Wire = field(default_factory=Wire)  # ActingWeb's calls go through it

    def __post_init__(self) -> None:
        """Create the table, as the seed does."""
        self.client = self.account.client("dynamodb")
        names = ("id", "bucket_name")
        self.client.create_table(
            TableName=self.name,
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
            ],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            BillingMode="PAY_PER_REQUEST",
        )

    def use(self) -> None:
        """Let ActingWeb use this table from now on."""
        point_to(self.name, self.wire.wrap(self.client))

    def rows(self) -> dict[Key, Row]:
        """Return every row."""
        return {key_of(item): row_of(item) for item in self.items()}

    def items(self) -> list[dict[str, Any]]:
        """Return every row as DynamoDB has it."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def put(self, key: Key, row: Row) -> None:
        """Write a row that ActingWeb would not write."""
        texts = {"id": key[0], "bucket_name": key[1], "bucket": row.bucket, "name": row.name}
        item: dict[str, Any] = {name: {"S": text} for name, text in texts.items()}
        item |= {"data": {"S": json.dumps(row.data)}} if row.data is not None else {}
        item |= {"ttl_timestamp": {"N": str(row.ttl)}} if row.ttl is not None else {}
        self.client.put_item(TableName=self.name, Item=item)

    def drop_expired(self) -> None:
        """Let the table's TTL come once."""
        for enabled in (True, False):
            about = {"Enabled": enabled, "AttributeName": "ttl_timestamp"}
            self.client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=about)
            if enabled:
                self.account.sweep_ttl()

    def forget_ttl(self) -> None:
        """Take every row's TTL away, as if an older ActingWeb had written it."""
        for item in self.items():
            item.pop("ttl_timestamp", None)
            self.client.put_item(TableName=self.name, Item=item)

    def copy(self) -> Table:
        """Return another table with the same rows."""
        twin = Table(self.account)
        items = self.items()
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self.client.batch_write_item(RequestItems={twin.name: puts})
        return twin


def point_to(table: str, client: Any) -> None:
    """Let ActingWeb's model use *table* through *client*; it makes no table by itself."""
    _ensure.set_auto_create(enabled=False)
    Attribute.Meta.table_name = table
    Attribute._connection = None  # noqa: SLF001 - it keeps the first table's
    Attribute._get_connection().connection._client = client  # noqa: SLF001 - so that calls count


def key_of(item: Mapping[str, Any]) -> Key:
    """Return the key of a row as DynamoDB has it."""
    return item["id"]["S"], item["bucket_name"]["S"]


def row_of(item: Mapping[str, Any]) -> Row:
    """Return a row as DynamoDB has it in the words of both stores."""
    data = json.loads(item["data"]["S"]) if "data" in item else None
    ttl = int(item["ttl_timestamp"]["N"]) if "ttl_timestamp" in item else None
    return Row(item["bucket"]["S"], item["name"]["S"], data, ttl)


@dataclass
class Postgres:
    """ActingWeb's schema, by its own migrations, in a database of a real server."""

    database: Database

    @classmethod
    def fresh(cls, database: Database) -> Postgres:
        """Make the schema in an empty *database*."""
        made = cls(database)
        migrations = files("actingweb.db.postgresql") / "alembic.ini"
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(migrations), "upgrade", "head"],
            env={"PATH": os.environ["PATH"], **made.environment},
            check=True,
            capture_output=True,
        )
        return made

    @property
    def environment(self) -> dict[str, str]:
        """Return how ActingWeb is told of the database."""
        return {
            "PG_DB_HOST": self.database.host,
            "PG_DB_PORT": str(self.database.port),
            "PG_DB_NAME": self.database.name,
            "PG_DB_USER": self.database.user,
            "PG_DB_PASSWORD": self.database.password,
            "PG_POOL_MIN_SIZE": "1",
            "PG_POOL_MAX_SIZE": "2",
        }

    def use(self) -> None:
        """Let ActingWeb use this database from now on."""
        let_go()
        os.environ.update(self.environment)

    def rows(self) -> dict[Key, Row]:
        """Return every row."""
        columns = "id, bucket_name, bucket, name, data, ttl_timestamp"
        found = self.database.run(f"select {columns} from attributes")  # noqa: S608 - our own text
        return {(row[0], row[1]): Row(*row[2:]) for row in found}

    def put(self, key: Key, row: Row) -> None:
        """Write a row that ActingWeb would not write."""
        columns = "id, bucket_name, bucket, name, data, ttl_timestamp"
        data = None if row.data is None else json.dumps(row.data)
        self.database.run(
            f"insert into attributes ({columns}) values (%s, %s, %s, %s, %s, %s)",  # noqa: S608
            *(*key, row.bucket, row.name, data, row.ttl),
        )

    def drop_expired(self) -> None:
        """Run the seed's daily job."""
        self.database.run(
            "delete from attributes where ttl_timestamp is not null"
            " and ttl_timestamp < extract(epoch from now())::bigint"
        )

    def forget_ttl(self) -> None:
        """Take every row's TTL away, as if an older ActingWeb had written it."""
        self.database.run("update attributes set ttl_timestamp = null")

    def copy(self) -> Postgres:
        """Return another database with the same rows."""
        let_go()
        name = f"d{uuid.uuid4().hex[:12]}"
        with self.database.connect(dbname="postgres") as connection:
            names = (sql.Identifier(name), sql.Identifier(self.database.name))
            connection.execute(sql.SQL("create database {} template {}").format(*names))
        return Postgres(replace(self.database, name=name))


def let_go() -> None:
    """Close ActingWeb's connections: a database in use cannot be copied."""
    from actingweb.db.postgresql import connection  # noqa: PLC0415 - only where there is a server

    connection.close_pool()
