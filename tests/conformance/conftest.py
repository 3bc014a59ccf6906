"""The stores that are asked, and a table in each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.dynamodb_local import dynamodb_local, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Account, Cloud

STORES = ("ministack", "dynamodb-local")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the keys ``pk`` and ``sk``, both text, and a client of its store."""

    client: Any
    name: str
    sweep: Callable[[], object] | None  # makes TTL act at once, where the store has such a door

    def put(self, *keys: str, **attributes: Any) -> None:
        """Write a row for each key, all with the same attributes."""
        for key in keys:
            item = {"pk": {"S": key}, "sk": {"S": "row"}, **attributes}
            self.client.put_item(TableName=self.name, Item=item)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a row, None where there is none."""
        found: dict[str, Any] | None = self.client.get_item(
            TableName=self.name, Key={"pk": {"S": key}, "sk": {"S": "row"}}, ConsistentRead=True
        ).get("Item")
        return found

    def keys(self) -> set[str]:
        """Return every row's key."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name)
        return {item["pk"]["S"] for page in pages for item in page["Items"]}


@pytest.fixture(scope="session", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Account | None]]:
    """Return a client of a store, and its account where it has one."""
    if request.param == "ministack":
        cloud: Cloud = request.getfixturevalue("cloud")
        account = cloud.account()
        yield account.client("dynamodb"), account
    elif missing():
        pytest.skip(missing())
    else:
        with dynamodb_local() as client:
            yield client, None


@pytest.fixture
def table(store: tuple[Any, Account | None]) -> Table:
    """Create an empty table that no other test uses."""
    client, account = store
    name = f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(client, name, account.sweep_ttl if account else None)
