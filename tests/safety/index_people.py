"""
Another layout: people by e-mail address, leases by handle, and invitations.

Its writer may store an index row before its target, so that rules here need transactions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.safety.index_world import DEAD_H, LIVING_H, Case, Rows, World, moments

if TYPE_CHECKING:
    from tests.safety.index_stage import IndexStage
    from tests.safety.stage import Item

KEYS = ("pk", "sk")
RULES = {
    "emails": {
        "kind": "orphan",
        "partition": "EMAILS",
        "sort_prefix": "EMAIL#",
        "separator": "#",
        "target": {"hash_key": "USER#{user_id}", "sort_key": "PROFILE"},
        "target_written_first": False,
        "grace_s": 3_600,
        "created_at": "created_at",
    },
    "handles": {
        "kind": "orphan",
        "partition": "HANDLES",
        "sort_prefix": "HANDLE#",
        "separator": "#",
        "target": {"hash_key": "USER#{user_id}", "sort_key": "LEASE"},
        "target_written_first": False,
        "grace_s": 0,
        "target_expired": [{"at": "expires_at"}],
        "target_linked": [{"hash_key": "{hash_key}", "sort_key": "RECEIPT#{receipt}"}],
    },
    "invitations": {
        "kind": "expired",
        "partition": "INVITATIONS",
        "entire_partition": True,
        "separator": "#",
        "expires": [{"at": "expires_at"}],
        "linked": [{"hash_key": "USER#{user_id}", "sort_key": "INVITED#{sort_key[1:]}"}],
    },
}


def typed(stage: IndexStage, hash_key: str, sort_key: str, **attributes: Any) -> Item:
    """Make a row: text and numbers by their Python type, ``…_h`` hours from now as seconds."""
    item: Item = {"pk": {"S": hash_key}, "sk": {"S": sort_key}}
    for name, value in moments(stage, attributes).items():
        item[name] = {"S": value} if isinstance(value, str) else {"N": str(value)}
    return item


def email(stage: IndexStage, name: str, **attributes: Any) -> Item:
    """Make an index row: whose address this is."""
    about: dict[str, Any] = {"user_id": name, "created_h": -5} | attributes
    return typed(stage, "EMAILS", f"EMAIL#{name}@example.com", **about)


def profile(stage: IndexStage, name: str) -> Item:
    """Make what it points at."""
    return typed(stage, f"USER#{name}", "PROFILE", nick=name)


def invitation(stage: IndexStage, name: str, hours: float) -> tuple[Item, Item]:
    """Make an invitation, and the row by which its guest sees it."""
    row = typed(stage, "INVITATIONS", f"I#{name}", user_id=name, expires_h=hours)
    return row, typed(stage, f"USER#{name}", f"INVITED#{name}", by="me")


def lease(stage: IndexStage, name: str, hours: float) -> tuple[Item, Item, Item, Item]:
    """Make a lease, two handles that point at it, and its receipt."""
    handles = [typed(stage, "HANDLES", f"HANDLE#{name}{number}", user_id=name) for number in (1, 2)]
    about = {"expires_h": hours, "receipt": "r1"}
    receipt = typed(stage, f"USER#{name}", "RECEIPT#r1", paid=1)
    return (typed(stage, f"USER#{name}", "LEASE", **about), receipt, handles[0], handles[1])


GENERIC = World(
    "generic",
    KEYS,
    {"RULES": json.dumps(RULES)},
    (
        Case("living", lambda stage, name: Rows(alive=(email(stage, name), profile(stage, name)))),
        Case("orphan-1", lambda stage, name: Rows(dead=(email(stage, name),))),
        Case("orphan-2", lambda stage, name: Rows(dead=(email(stage, name),))),
        Case("young", lambda stage, name: Rows(alive=(email(stage, name, created_h=-0.5),))),
        Case(
            "of-unknown-age",
            lambda stage, name: Rows(alive=(email(stage, name, created_at="lately"),)),
        ),
        Case("of-nobody", lambda stage, name: Rows(alive=(email(stage, name, user_id=""),))),
        Case("leased", lambda stage, name: Rows(alive=lease(stage, name, LIVING_H))),
        Case("leased-once", lambda stage, name: Rows(dead=lease(stage, name, DEAD_H))),
        Case("leased-without-a-word", lambda stage, name: Rows(dead=lease(stage, name, 0)[2:])),
        Case("invited", lambda stage, name: Rows(alive=invitation(stage, name, LIVING_H))),
        Case("invited-once", lambda stage, name: Rows(dead=invitation(stage, name, DEAD_H))),
        Case("invited-alone", lambda stage, name: Rows(dead=invitation(stage, name, DEAD_H)[:1])),
        Case(
            "other-partition",
            lambda stage, name: Rows(alive=(typed(stage, "OTHER", f"EMAIL#{name}"),)),
        ),
        Case(
            "other-prefix",
            lambda stage, name: Rows(alive=(typed(stage, "EMAILS", f"PHONE#{name}", user_id="x"),)),
        ),
    ),
)
