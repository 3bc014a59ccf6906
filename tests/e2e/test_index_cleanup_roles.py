"""
The role that a set of rules gets, against the calls that these rules make: as Terraform plans it.

No apply: the planned policy becomes a role of the embedded cloud, and the run goes under it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from expiry.budget import Budget
from expiry.telemetry import logger_for
from index_cleanup.request import Request
from index_cleanup.run import Run
from index_cleanup.settings import Settings
from tests.cloud.probes.made import make_role
from tests.modules.answers import ACCOUNT
from tests.modules.index_cleanup_calls import ACCEPTED, TABLE
from tests.modules.plan import PlannedModule, plan_variants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud import Account, Cloud

NAME = TABLE["name"]
NOW_S = int(time.time())
OLD_S, SOON_S = NOW_S - 86_400, NOW_S + 86_400
BACKFILL: dict[str, Any] = {"operation": "backfill"}

Place = tuple[str, str]


def text(**values: str) -> dict[str, dict[str, str]]:
    """Return attributes of text."""
    return {name: {"S": value} for name, value in values.items()}


def data(**values: object) -> dict[str, dict[str, str]]:
    """Return an attribute that holds JSON."""
    return text(data=json.dumps(values))


def at(name: str, seconds: int) -> dict[str, dict[str, str]]:
    """Return an attribute that holds a moment."""
    return {name: {"N": str(seconds)}}


@dataclass(frozen=True)
class Case:
    """Rows by their keys, and those of them that must go."""

    rows: Mapping[Place, dict[str, dict[str, str]]]
    dead: frozenset[Place]


LATE = Case(
    {
        ("by-mail", "m#gone"): text(user="1") | at("created_at", OLD_S),
        ("by-mail", "m#there"): text(user="2") | at("created_at", OLD_S),
        ("by-mail", "m#young"): text(user="3") | at("created_at", NOW_S),
        ("users", "u#2"): text(name="Ada"),
        ("by-mail", "m#past"): text(user="4") | at("created_at", OLD_S),
        ("users", "u#4"): at("ttl_timestamp", OLD_S),
    },
    frozenset({("by-mail", "m#gone"), ("by-mail", "m#past"), ("users", "u#4")}),
)
CASES = {
    "expired-only": Case(
        {
            ("sessions", "s#old"): at("expires_at", OLD_S),
            ("sessions", "s#new"): at("expires_at", SOON_S),
            ("others", "s#old"): at("expires_at", OLD_S),
        },
        frozenset({("sessions", "s#old")}),
    ),
    "linked": Case(
        {
            ("sessions", "s#old"): at("expires_at", OLD_S) | data(ticket="1"),
            ("sessions", "t#1"): text(kind="token"),
            ("sessions", "s#bare"): at("expires_at", OLD_S),
            ("sessions", "s#new"): at("expires_at", SOON_S) | data(ticket="2"),
            ("sessions", "t#2"): text(kind="token"),
        },
        frozenset({("sessions", "s#old"), ("sessions", "t#1"), ("sessions", "s#bare")}),
    ),
    "late": LATE,
    "early": Case(
        {
            ("by-mail", "m#gone"): text(user="1"),
            ("by-mail", "m#there"): text(user="2"),
            ("2", "profile"): text(name="Ada"),
        },
        frozenset({("by-mail", "m#gone")}),
    ),
    "everything": Case(
        {
            ("index", "a#1"): text(bucket="index") | data(owner="o1", created_at=OLD_S),
            ("o1", "t#1"): text(kind="t") | data(expires_at=OLD_S, p="1"),
            ("o1", "p#1"): text(k="p"),
            ("index", "a#2"): text(bucket="index") | data(owner="gone", created_at=OLD_S),
            ("index", "a#3"): text(bucket="index") | data(owner="o3", created_at=OLD_S),
            ("o3", "t#3"): text(kind="t") | data(expires_at=SOON_S, p="3"),
            ("o3", "p#3"): text(k="p"),
        },
        frozenset({("index", "a#1"), ("o1", "t#1"), ("o1", "p#1"), ("index", "a#2")}),
    ),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan the rules' modules, once."""
    return plan_variants("index-cleanup", {case: ACCEPTED[case] for case in CASES})


@dataclass(frozen=True)
class World:
    """A table with one case's rows, and the role that Terraform plans for its rules."""

    account: Account
    settings: Settings

    def run(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run as the handler does, under the role."""
        return Run(
            run_id="run",
            settings=self.settings,
            request=Request.parse(event),
            dynamodb=self.account.client("dynamodb", role="cleanup"),
            budget=Budget.until(lambda: 60_000),
            logger=logger_for("index_cleanup", "run"),
        ).execute()

    def places(self) -> set[Place]:
        """Return the keys of all rows."""
        found = self.account.client("dynamodb").scan(TableName=NAME, ConsistentRead=True)["Items"]
        return {(row["id"]["S"], row["bucket_name"]["S"]) for row in found}


def made(cloud: Cloud, module: PlannedModule, case: Case) -> World:
    """Make table, rows and role."""
    account = cloud.account()
    client, names = account.client("dynamodb"), (TABLE["hash_key"], TABLE["range_key"])
    client.create_table(
        TableName=NAME,
        KeySchema=[
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    for place, attributes in case.rows.items():
        client.put_item(TableName=NAME, Item=text(id=place[0], bucket_name=place[1]) | attributes)
    policy = module.resource("module.function.aws_iam_role_policy.this")["policy"]
    statements = [
        statement
        for statement in json.loads(policy.replace(ACCOUNT, account.id))["Statement"]
        if not statement["Sid"].startswith(("Lambda", "DecryptTable"))
    ]
    make_role(account, "cleanup", *statements)
    variables = module.resource("module.function.aws_lambda_function.this")["environment"]
    return World(account, Settings.from_env({**variables[0]["variables"], "DRY_RUN": "false"}))


@pytest.mark.parametrize("name", CASES)
def test_role_of_rules_allows_their_calls_and_no_others(
    name: str, cloud: Cloud, planned: dict[str, PlannedModule]
) -> None:
    """What must go goes, nothing else; no call is denied, and no grant is left unused."""
    case = CASES[name]
    world = made(cloud, planned[name], case)

    world.run({})
    left = world.places()
    if world.account.grants("cleanup") & {("dynamodb:PartiQLUpdate", table_arn(world))}:
        assert world.run(BACKFILL)["body"]["backfilled"] > 0

    assert left == case.rows.keys() - case.dead
    assert world.account.denied("cleanup") == set()
    assert world.account.unused_grants("cleanup") == set()


def table_arn(world: World) -> str:
    """Return the table's ARN in this account."""
    return TABLE["arn"].replace(ACCOUNT, world.account.id)


def test_role_of_rules_reaches_no_other_partition_and_deletes_nothing_singly(
    cloud: Cloud, planned: dict[str, PlannedModule]
) -> None:
    """Outside the rules' partitions nothing is read or deleted; inside, only in transactions."""
    world = made(cloud, planned["late"], LATE)
    client = world.account.client("dynamodb", role="cleanup")
    inside, outside = text(id="users", bucket_name="u#2"), text(id="other", bucket_name="u#2")

    def transaction(key: dict[str, Any]) -> dict[str, Any]:
        return {"TransactItems": [{"Delete": {"TableName": NAME, "Key": key}}]}

    with pytest.raises(ClientError, match="AccessDenied"):
        client.batch_get_item(RequestItems={NAME: {"Keys": [outside]}})
    with pytest.raises(ClientError, match="AccessDenied"):
        client.transact_write_items(**transaction(outside))
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_item(TableName=NAME, Key=inside)
    assert client.batch_get_item(RequestItems={NAME: {"Keys": [inside]}})["Responses"][NAME]
    client.transact_write_items(**transaction(inside))
    assert ("users", "u#2") not in world.places()
