"""What an application, or another run, does to sessions while a run is at work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.safety.stage import ID, Stage
from tests.safety.wire import Call, Wire
from tests.safety.world import Case, build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients, Item


def built(clients: Clients, *cases: Case) -> Stage:
    """Return a stage with *cases*."""
    stage = Stage(clients)
    build(stage, cases)
    return stage


def before(operation: str, act: Callable[[], object]) -> Wire:
    """Return a wire on which *act* happens right before the first such call."""
    acts = [act]

    def let_in(call: Call) -> None:
        if call.operation == operation and acts:
            acts.pop()()

    return Wire(before=let_in)


def change(stage: Stage, name: str, **values: Any) -> None:
    """Write attributes of a row, as an application without any condition does."""
    names = {f"#{n}": n for n in values}
    typed = stage.session(name, **values)
    stage.clients.dynamodb.update_item(
        TableName=stage.name,
        Key={ID: {"S": name}},
        UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in values),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={f":{n}": typed[n] for n in values},
    )


def status(row: Item) -> str:
    """Return a row's status."""
    found: str = row["status"]["S"]
    return found
