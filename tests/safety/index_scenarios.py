"""What writers do while an index cleanup runs; an action answers with what it wrote for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.safety.index_people import GENERIC, email, invitation, lease, profile, typed
from tests.safety.index_race import NAME, Scenario
from tests.safety.index_stage import SYSTEM
from tests.safety.index_tokens import (
    ACCESS,
    ACTINGWEB,
    CODE,
    REFRESH,
    SESSIONS,
    SPA_ACCESS,
    alone,
    expired,
    index_row,
    orphan,
    past_ttl,
    provider,
    token,
)
from tests.safety.index_world import LIVING_H, Case, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.index_stage import IndexStage
    from tests.safety.stage import Item


def replace(stage: IndexStage, *items: Item) -> list[Item]:
    """Write the first row only if it is there, then the others; nothing where it is not."""
    first, *rest = items
    try:
        stage.clients.dynamodb.put_item(
            TableName=stage.name,
            Item=first,
            ConditionExpression="attribute_exists(#h)",
            ExpressionAttributeNames={"#h": stage.key_names[0]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return []
    stage.write(rest)
    return list(items)


def extend(stage: IndexStage) -> list[Item]:
    """Give an expired token another hour; its provider's row must stay with it."""
    about: dict[str, Any] = {"expires_at": stage.at(LIVING_H), "google_token_key": f"google_{NAME}"}
    kept = [index_row(stage, NAME), provider(stage, NAME)]
    written = replace(stage, token(stage, NAME, **about))
    return [*written, *kept] if written else []


def extend_in_json(index: str) -> Callable[[IndexStage], list[Item]]:
    """Extend a token that has nothing linked."""

    def act(stage: IndexStage) -> list[Item]:
        written = replace(stage, token(stage, NAME, index, expires_at=stage.at(LIVING_H)))
        return [*written, index_row(stage, NAME, index)] if written else []

    return act


def revive(index: str) -> Callable[[IndexStage], list[Item]]:
    """Store the target anew and then its index row, as a login does: both with new stamps."""

    def act(stage: IndexStage) -> list[Item]:
        written = [
            token(stage, NAME, index, expires_at=stage.at(LIVING_H), ttl_h=30),
            index_row(stage, NAME, index, ttl_h=32),
        ]
        for item in written:  # the target first
            stage.write([item])
        return written

    return act


def point_elsewhere(stage: IndexStage) -> list[Item]:
    """Let an index row point at somebody who is there."""
    target = stage.row("another", "mcp_tokens", NAME, {"expires_at": stage.at(LIVING_H)})
    index = stage.row(SYSTEM, ACCESS, NAME, "another", ttl_h=26)  # its TTL as before
    stage.write([target])
    stage.write([index])
    return [target, index]


def rewrite_alone(bucket: str, **moments: float) -> Callable[[IndexStage], list[Item]]:
    """Write a row anew that says itself when it ends, if it is there."""

    def act(stage: IndexStage) -> list[Item]:
        data = {f"{name}_at": stage.at(hours) for name, hours in moments.items()}
        return replace(stage, stage.row(SYSTEM, bucket, NAME, data))

    return act


def longer_ttl(stage: IndexStage) -> list[Item]:
    """Give a token past its TTL a new one, and leave its data alone."""
    row = token(stage, NAME, expires_at=stage.at(LIVING_H), ttl_h=24)
    written = replace(stage, row)
    return [*written, index_row(stage, NAME)] if written else []


def profile_comes(stage: IndexStage) -> list[Item]:
    """
    Store the target of an index row that is there, in one transaction with a look at it.

    The writer stores the index row first here: so a target may come at any time.
    """
    target, index = profile(stage, NAME), email(stage, NAME)
    try:
        stage.clients.dynamodb.transact_write_items(
            TransactItems=[
                {
                    "ConditionCheck": {
                        "TableName": stage.name,
                        "Key": stage.key(index),
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
                {"Put": {"TableName": stage.name, "Item": target}},
            ]
        )
    except stage.clients.dynamodb.exceptions.TransactionCanceledException:
        return []
    return [target, index]


def renew_lease(stage: IndexStage) -> list[Item]:
    """Give a lease more time; its receipt and both of its handles must stay."""
    row, *rest = lease(stage, NAME, LIVING_H)
    written = replace(stage, row)
    return [row, *rest] if written else []


def hand_over(stage: IndexStage) -> list[Item]:
    """Let a handle of an ended lease point at somebody whose lease goes on, if it is there."""
    handle = typed(stage, "HANDLES", f"HANDLE#{NAME}1", user_id="next")
    target = typed(stage, "USER#next", "LEASE", expires_h=LIVING_H, receipt="r1")
    stage.write([target])
    return [*replace(stage, handle), target]


def invite_again(stage: IndexStage) -> list[Item]:
    """Give an invitation more time; what it is linked with must stay."""
    row, linked = invitation(stage, NAME, LIVING_H)
    written = replace(stage, row)
    return [row, linked] if written else []


SCENARIOS = (
    Scenario("extends a token", ACTINGWEB, Case(NAME, expired()), extend),
    Scenario(
        "extends a refresh token", ACTINGWEB, Case(NAME, expired(REFRESH)), extend_in_json(REFRESH)
    ),
    Scenario("extends a code", ACTINGWEB, Case(NAME, expired(CODE)), extend_in_json(CODE)),
    Scenario("gives a longer TTL", ACTINGWEB, Case(NAME, past_ttl), longer_ttl),
    Scenario(
        "stores an orphan's token anew",
        ACTINGWEB,
        Case(NAME, orphan()),
        revive(ACCESS),
        refused_sometimes=False,
    ),
    Scenario(
        "stores an expired refresh token anew",
        ACTINGWEB,
        Case(NAME, expired(REFRESH)),
        revive(REFRESH),
        refused_sometimes=False,
    ),
    Scenario(
        "points an orphan elsewhere",
        ACTINGWEB,
        Case(NAME, orphan()),
        point_elsewhere,
        refused_sometimes=False,
    ),
    Scenario(
        "begins a session anew",
        ACTINGWEB,
        Case(NAME, alone(SESSIONS, dead=True, created_h=-1)),
        rewrite_alone(SESSIONS, created=0),
    ),
    Scenario(
        "extends a session past its TTL",
        ACTINGWEB,
        Case(NAME, alone(SESSIONS, dead=True, ttl_h=-1, created_h=-0.1)),
        rewrite_alone(SESSIONS, created=-0.1),
    ),
    Scenario(
        "extends a browser's token",
        ACTINGWEB,
        Case(NAME, alone(SPA_ACCESS, dead=True, expires_h=-1)),
        rewrite_alone(SPA_ACCESS, expires=1),
    ),
    Scenario(
        "stores a target that comes after its index row",
        GENERIC,
        Case(NAME, lambda stage, name: Rows((email(stage, name),))),
        profile_comes,
    ),
    Scenario(
        "renews a lease",
        GENERIC,
        Case(NAME, lambda stage, name: Rows(lease(stage, name, -1))),
        renew_lease,
    ),
    Scenario(
        "hands a handle over",
        GENERIC,
        Case(NAME, lambda stage, name: Rows(lease(stage, name, -1))),
        hand_over,
        refused_sometimes=False,
    ),
    Scenario(
        "gives an invitation more time",
        GENERIC,
        Case(NAME, lambda stage, name: Rows(invitation(stage, name, -1))),
        invite_again,
    ),
)
