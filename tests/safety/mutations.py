"""
The cleanup with one safety condition taken away, and the quick proof that finds it out.

Conditions of statements are taken out of the requests on their way; other rules are patched where
they stand. A patch of a name that is gone fails: then this list has to follow the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from expiry import multipart
from expiry.gate import Gate
from expiry.keys import KeyPattern
from expiry.objects import Objects
from expiry.outcomes import Result
from expiry.rows import Fetched
from tests.safety import proofs
from tests.safety.scenarios import (
    DISOBEDIENT,
    JUST_PUT,
    OBEDIENT,
    OTHER_CLEANUP,
    SEEN_IN_TIME,
)
from tests.safety.wire import Call, Wire
from upload_cleanup import dry, expired, orphan_uploads, orphans, references, sessions
from upload_cleanup.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.safety.race import Scenario
    from tests.safety.stage import Clients
    from upload_cleanup.context import Context

Proof = "Callable[[Clients], list[str]]"
SCENARIOS = {
    scenario.name: scenario
    for scenario in (*OBEDIENT, *DISOBEDIENT, *SEEN_IN_TIME, OTHER_CLEANUP, JUST_PUT)
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One condition less."""

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    proof: Callable[[Clients], list[str]]


def race(name: str) -> Callable[[Clients], list[str]]:
    """Return the proof that a scenario loses nothing."""
    scenario: Scenario = SCENARIOS[name]
    return partial(proofs.race_is_won, scenario=scenario)


# On the way: statements without one of their terms, deletes without their ETag


def rewriting(rewrite: Callable[[Call, dict[str, Any]], dict[str, Any]]) -> Callable[..., None]:
    """Return a mutation of every request."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Wire, "rewrite", staticmethod(rewrite))

    return apply


def without_term(kind: str, term: str) -> Callable[..., None]:
    """Take *term* (a regular expression) out of the conditions of statements like *kind*."""

    def rewrite(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        if call.operation != "BatchExecuteStatement":
            return request
        return {**request, "Statements": [one(statement) for statement in request["Statements"]]}

    def one(statement: dict[str, Any]) -> dict[str, Any]:
        text = statement["Statement"]
        head, where, condition = text.partition(" WHERE ")
        found = re.search(rf" AND {term}", condition)
        if not re.match(kind, text) or not found:
            return statement
        shorter = condition[: found.start()] + condition[found.end() :]
        parameters = list(statement["Parameters"])
        if "?" in found[0]:
            del parameters[(head + condition[: found.start()]).count("?")]
        return {**statement, "Statement": head + where + shorter, "Parameters": parameters}

    return rewriting(rewrite)


def without_etags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete objects whatever they are now."""
    if call.operation != "DeleteObjects":
        return request
    objects = [{"Key": each["Key"]} for each in request["Delete"]["Objects"]]
    return {**request, "Delete": {**request["Delete"], "Objects": objects}}


def without_owner(_: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Do not say whose the bucket must be."""
    return {name: value for name, value in request.items() if name != "ExpectedBucketOwner"}


# Where they stand


def patching(target: Any, name: str, value: Any) -> Callable[..., None]:
    """Put *value* in the place of what is there."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(target, name, value)

    return apply


def setting(**changed: Any) -> Callable[..., None]:
    """Let every run have these settings, whatever it was given."""
    original = Settings.from_env

    def from_env(env: Any) -> Settings:
        import dataclasses  # noqa: PLC0415

        return dataclasses.replace(original(env), **changed)

    return patching(Settings, "from_env", staticmethod(from_env))


def aborted_anyway(context: Context, orphan: orphan_uploads.Orphan) -> Result[Any]:
    """Abort without looking who may have come."""
    end = context.uploads.abort_until_empty(orphan.upload.key, orphan.upload.upload_id)
    return Result(orphan, end.outcome)


CLAIM = r'UPDATE .* SET "expiryRun"|UPDATE .*SET "status"=\? SET "expiryRun"'
REMOVAL = "DELETE"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "claim: still expired",
        without_term(CLAIM, r'"ttl" < \?'),
        race("renews a multipart session"),
    ),
    Mutation(
        "claim: same status",
        without_term(CLAIM, r'"status" = \?'),
        race("completes, and forgets the ttl"),
    ),
    Mutation(
        "removal: still expired",
        without_term(REMOVAL, r'"ttl" < \?'),
        race("renews without a condition"),
    ),
    Mutation(
        "removal: still expiring",
        without_term(REMOVAL, r'"status" = \?'),
        race("puts, and completes without a condition"),
    ),
    Mutation(
        "removal: still this run's claim",
        without_term(REMOVAL, r'"expiryRun" = \?'),
        race("is another run that takes the claim over"),
    ),
    Mutation(
        "giving back: still expiring",
        without_term(r"UPDATE .*REMOVE", r'"status" = \?'),
        race("puts, and completes without a condition"),
    ),
    Mutation(
        "marking: still created",
        without_term(r'UPDATE \S+ SET "status"=\? (?:SET "ttl"=\? )?WHERE', r'"status" = \?'),
        race("lands a late part in a living upload, and completes it, begun before the cutoff"),
    ),
    Mutation("delete: ETag", rewriting(without_etags), race("overwrites an orphan")),
    Mutation("bucket: owner", rewriting(without_owner), proofs.strangers_bucket_is_left),
    Mutation("ages: grace", setting(orphan_s=0), proofs.world_ends_well),
    Mutation("ages: grace of multipart", setting(max_upload_s=0), proofs.world_ends_well),
    Mutation(
        "ages: settling",
        setting(settle_s=0),
        race("put a moment ago, completes without a condition"),
    ),
    Mutation(
        "sessions: uploaded is kept",
        patching(sessions, "UPLOADED", "never"),
        proofs.world_ends_well,
    ),
    Mutation("sessions: prefix", setting(prefix=""), proofs.world_ends_well),
    Mutation(
        "sessions: young claims", patching(sessions, "TAKE_OVER_S", 0), proofs.young_claim_is_left
    ),
    Mutation(
        "sessions: read again",
        patching(expired.Expired, "_read_again", lambda *_: None),
        race("renews without a condition"),
    ),
    Mutation(
        "sessions: completed at an unknown time",
        patching(
            expired,
            "verdict",
            lambda held, *_: expired.Verdict.DELETE if held.found else expired.Verdict.NOTHING,
        ),
        race("assembles, and completes without a condition"),
    ),
    Mutation(
        "uploads: abort again",
        patching(multipart, "ABORTS", 1),
        proofs.late_part_goes_in_the_same_run,
    ),
    Mutation(
        "objects: key pattern",
        patching(KeyPattern, "session_id", lambda _, key: key.rpartition("/")[2].partition(".")[0]),
        proofs.world_ends_well,
    ),
    Mutation(
        "objects: unread is not absent",
        patching(Fetched, "absent", lambda self, key: self.row(key) is None),
        proofs.unread_sessions_keep_their_objects,
    ),
    Mutation(
        "objects: sessions read again",
        patching(
            orphans.OrphanPhase, "_delete", lambda self, batch: self._context.objects.delete(batch)
        ),
        race("creates a session where an orphan lies"),
    ),
    Mutation(
        "objects: gate",
        patching(Gate, "judge", lambda *_: None),
        proofs.wrong_table_deletes_nothing,
    ),
    Mutation(
        "objects: gate on the number",
        patching(Gate, "judge", lambda *_: None),
        proofs.too_many_orphans_are_refused,
    ),
    Mutation(
        "objects: gate on the share",
        setting(max_orphan_percent=100.0),
        proofs.too_large_a_share_is_refused,
    ),
    Mutation(
        "objects: two sightings", setting(two_sightings=False), proofs.orphan_needs_two_sightings
    ),
    Mutation(
        "objects: tripwire",
        patching(orphans, "tripped", lambda *_: None),
        proofs.missing_object_trips_the_run,
    ),
    Mutation(
        "orphaned uploads: newest part",
        patching(orphan_uploads.UploadPhase, "_is_quiet", lambda *_: True),
        proofs.world_ends_well,
    ),
    Mutation(
        "orphaned uploads: sessions read again",
        patching(
            orphan_uploads.UploadPhase,
            "_ended",
            lambda self, orphan, *_: aborted_anyway(self._context, orphan),
        ),
        race("adopts an orphaned upload"),
    ),
    Mutation(
        "orphaned uploads: a row without an upload keeps",
        patching(
            references.Known,
            "names_another_upload",
            lambda self, session_id, _: self.row(session_id) is not None,
        ),
        proofs.world_ends_well,
    ),
    Mutation(
        "dry run: objects",
        patching(dry.DryObjects, "delete", Objects.delete),
        proofs.dry_run_writes_nothing,
    ),
    Mutation(
        "dry run: uploads",
        patching(dry.DryUploads, "abort_until_empty", multipart.Uploads.abort_until_empty),
        proofs.dry_run_writes_nothing,
    ),
)
