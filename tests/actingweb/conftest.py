"""Our functions as ActingWeb's users deploy them, each on an empty store of its kind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from index_cleanup.handler import handler as index_cleanup
from postgres_expiry.handler import handler as postgres_expiry
from tests.actingweb.stores import Postgres, Store, Table, let_go

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Account, Cloud
    from tests.postgres.database import Database

Run = Callable[[Store, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of its invocation."""

    function_name: str = "cleanup"
    aws_request_id: str = "request-1"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:cleanup"
    memory_limit_in_mb: int = 256

    def get_remaining_time_in_millis(self) -> int:
        """Return the timeout that ActingWeb's guide recommends."""
        return 300_000


CONTEXT: Any = Context()


@dataclass(frozen=True, slots=True)
class Deployment:
    """An empty store, and our function for it."""

    backend: str  # as ActingWeb names it
    store: Store
    run: Run


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Return a patch that lasts as long as the module's tests."""
    kept = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    let_go()
    os.environ.clear()
    os.environ.update(kept)


def settle_in(account: Account, environment: pytest.MonkeyPatch) -> None:
    """Let our functions' clients, which take what Lambda's environment says, use *account*."""
    for name, value in account.env().items():
        environment.setenv(name, value)
    environment.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep another's


@pytest.fixture(scope="module")
def on_dynamodb(cloud: Cloud, environment: pytest.MonkeyPatch) -> Deployment:
    """Our function with no variables but the two that its guide names."""
    account = cloud.account()
    settle_in(account, environment)

    def run(store: Store, event: dict[str, Any]) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRESET", "actingweb")
            patch.setenv("TABLE_NAME", cast("Table", store).name)
            return index_cleanup(event, CONTEXT)

    return Deployment("dynamodb", Table(account), run)


@pytest.fixture(scope="module")
def on_postgresql(
    cloud: Cloud, embedded18: Database, environment: pytest.MonkeyPatch
) -> Deployment:
    """Our function with the variables of ActingWeb's guide, and a secret for the password."""
    account = cloud.account()
    settle_in(account, environment)
    secret = account.client("secretsmanager").create_secret(
        Name="attributes",
        SecretString=json.dumps({"username": embedded18.user, "password": embedded18.password}),
    )

    def run(store: Store, event: dict[str, Any]) -> dict[str, Any]:
        let_go()
        database = cast("Postgres", store).database
        values = {
            "PG_DB_HOST": database.host,
            "PG_DB_PORT": str(database.port),
            "PG_DB_NAME": database.name,
            "PG_DB_USER": database.user,
            "PG_SECRET_ARN": secret["ARN"],
            "PG_TLS": "disable",  # the embedded server has no TLS, and is on this machine
            "PRESET": "actingweb",
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PG_DB_PASSWORD", raising=False)
            for name, value in values.items():
                patch.setenv(name, value)
            return postgres_expiry(event, CONTEXT)

    return Deployment("postgresql", Postgres.fresh(embedded18.new_database()), run)
