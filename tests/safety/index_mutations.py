"""
The index cleanup with one safety condition taken away, and the quick proof that finds it out.

Conditions are taken out of the requests on their way; other rules are patched where they stand. A
patch of a name that is gone fails: then this list has to follow the code.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from expiry.gate import Gate
from expiry.groups import Group, Groups
from expiry.outcomes import Outcome
from expiry.rows import Fetched, Rows
from index_cleanup import dry, orphans, pages, plan, proofs, templates
from index_cleanup.orphans import OrphanPhase
from index_cleanup.settings import Settings
from tests.safety import index_proofs as held
from tests.safety.mutations import Mutation, patching, rewriting, without_term

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.safety.stage import Clients
    from tests.safety.wire import Call


def race(name: str) -> Callable[[Clients], list[str]]:
    """Return the proof that a scenario loses nothing."""
    assert name in held.BY_NAME
    return partial(held.race_is_won, name=name)


def without_attribute(name: str) -> Callable[..., None]:
    """Take what is asked of an attribute out of every delete in a transaction."""

    def rewrite(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        if call.operation != "TransactWriteItems":
            return request
        items = [
            {kind: one(body) if kind == "Delete" else body for kind, body in item.items()}
            for item in request["TransactItems"]
        ]
        return {**request, "TransactItems": items}

    def one(delete: dict[str, Any]) -> dict[str, Any]:
        places = [p for p, n in delete["ExpressionAttributeNames"].items() if n == name]
        terms = delete["ConditionExpression"].split(" AND ")
        text = " AND ".join(t for t in terms if not any(p in t.split() for p in places))
        shorter = {**delete, "ConditionExpression": text}
        for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            used = {p: v for p, v in delete.get(member, {}).items() if p in _words(text)}
            shorter = {**shorter, member: used} if used else _without(shorter, member)
        return shorter

    return rewriting(rewrite)


def _words(text: str) -> set[str]:
    return set(text.replace("(", " ").replace(")", " ").split())


def _without(delete: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: value for name, value in delete.items() if name != member}


def without_checks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Look at no other row in a transaction."""
    if call.operation != "TransactWriteItems":
        return request
    items = [item for item in request["TransactItems"] if "ConditionCheck" not in item]
    return {**request, "TransactItems": items}


def one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Let each row of a group go by itself, the linked ones first."""
    delete = Groups.delete

    def mutated(self: Groups, groups: Any) -> Any:
        ended = []
        for group in groups:
            singles = [Group((each,), group.checks) for each in reversed(group.deletes)]
            ended.append([result[0] for result in reversed(delete(self, singles))])
        return ended

    patch.setattr(Groups, "delete", mutated)


def index_rows_first(patch: pytest.MonkeyPatch) -> None:
    """Delete index rows before their targets."""
    delete = OrphanPhase._delete_targets  # noqa: SLF001 - it is this order that is broken

    def mutated(self: OrphanPhase, batch: Any) -> Any:
        self._context.rows.delete([row for each in batch for row in each.index_rows])
        return delete(self, batch)

    patch.setattr(OrphanPhase, "_delete_targets", mutated)


def read_all(patch: pytest.MonkeyPatch) -> None:
    """Take what could not be read for what is not there."""
    get = Rows.get

    def mutated(self: Rows, *asked: Any) -> Fetched:
        return replace(get(self, *asked), unknown=frozenset())

    patch.setattr(Rows, "get", mutated)


def dry_rows_delete(patch: pytest.MonkeyPatch) -> None:
    """Let a dry run's rows do what the real ones do."""
    for name in ("execute", "delete"):
        patch.setattr(dry.DryRows, name, getattr(Rows, name))


def setting(**changed: Any) -> Callable[..., None]:
    """Let every run have these settings, whatever it was given."""
    original = Settings.from_env

    def from_env(env: Any) -> Settings:
        return replace(original(env), **changed)

    return patching(Settings, "from_env", staticmethod(from_env))


def any_number(self: Any, path: Any) -> Any:
    """Take whatever can be made a number for one."""
    try:
        return Decimal(str(float(self.value(path) or 0)))
    except (TypeError, ValueError):
        return None


def unknown_is_expired(*arguments: Any) -> proofs.Verdict:
    """Take a row of which nobody knows for an expired one."""
    verdict = judged(*arguments)
    return proofs.Verdict.EXPIRED if verdict is proofs.Verdict.UNKNOWN else verdict


judged = proofs.judge
ANY_DELETE = "DELETE FROM"

MUTATIONS = (
    Mutation(
        "delete: data of an index row",
        without_term(ANY_DELETE, r'"data" = \?'),
        race("points an orphan elsewhere"),
    ),
    Mutation(
        "delete: data of a target",
        without_term(ANY_DELETE, r'"data" = \?'),
        race("extends a refresh token"),
    ),
    Mutation(
        "delete: data of a session",
        without_term(ANY_DELETE, r'"data" = \?'),
        race("begins a session anew"),
    ),
    Mutation(
        "delete: TTL of an index row",
        without_term(ANY_DELETE, r'"ttl_timestamp" = \?'),
        race("stores an orphan's token anew"),
    ),
    Mutation(
        "delete: TTL of a target",
        without_term(ANY_DELETE, r'"ttl_timestamp" = \?'),
        race("gives a longer TTL"),
    ),
    Mutation("transaction: data of a target", without_attribute("data"), race("extends a token")),
    Mutation(
        "transaction: value of a row with links",
        without_attribute("expires_at"),
        race("gives an invitation more time"),
    ),
    Mutation(
        "transaction: target is absent",
        rewriting(without_checks),
        race("stores a target that comes after its index row"),
    ),
    Mutation("transaction: all or none", one_by_one, race("extends a token")),
    Mutation("order: target before its index row", index_rows_first, race("extends a token")),
    Mutation(
        "order: index row only after its target",
        patching(orphans, "SETTLES", frozenset(Outcome)),
        race("extends a token"),
    ),
    Mutation(
        "scope: where of a row", patching(pages, "is_as", lambda *_: True), held.actingweb_ends_well
    ),
    Mutation(
        "scope: where of a target",
        patching(plan, "is_as", lambda *_: True),
        held.actingweb_ends_well,
    ),
    Mutation("clock skew", setting(clock_skew_s=0), held.actingweb_ends_well),
    Mutation(
        "grace, and age that is unknown",
        patching(plan.Survey, "_age", lambda *_: (True, False)),
        held.generic_ends_well,
    ),
    Mutation(
        "unknown is not expired",
        patching(plan, "judge", unknown_is_expired),
        held.actingweb_ends_well,
    ),
    Mutation(
        "only a number is a moment",
        patching(templates.Fields, "number", any_number),
        held.actingweb_ends_well,
    ),
    Mutation(
        "a proof holds only when it says so",
        patching(proofs.Proof, "applies", lambda *_: True),
        held.actingweb_ends_well,
    ),
    Mutation(
        "unread is not absent",
        patching(Fetched, "absent", lambda self, key: self.row(key) is None),
        held.unread_targets_keep_their_index_rows,
    ),
    Mutation(
        "unread links keep their token",
        read_all,
        held.unread_links_keep_their_token,
    ),
    Mutation(
        "gate: wrong table",
        patching(Gate, "judge", lambda *_: None),
        held.wrong_table_deletes_nothing,
    ),
    Mutation(
        "gate: number",
        patching(Gate, "judge", lambda *_: None),
        held.too_many_orphans_are_refused,
    ),
    Mutation(
        "gate: share",
        setting(max_orphan_percent=100.0),
        held.too_large_a_share_is_refused,
    ),
    Mutation("dry run: rows", dry_rows_delete, held.dry_run_writes_nothing),
    Mutation(
        "dry run: groups",
        patching(dry.DryGroups, "delete", Groups.delete),
        held.dry_run_writes_nothing,
    ),
)
