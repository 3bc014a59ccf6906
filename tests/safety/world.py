"""
A world with a session or an object of every class, and what must be left of each in the end.

A case says what there is and what survives; whatever it does not name must be gone. So the oracle
is written down here by hand, and shares nothing with the code that it judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.stage import HOUR_S, ID, Item, Stage, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

OLD_H = 100.0  # as old as what a stage puts down without a word
MULTIPART: Mapping[str, Any] = {"uploadType": "multipart"}
LIVING: Mapping[str, Any] = {"ttl_h": 10}

ROW, OBJECT, UPLOAD = "row", "object", "upload"


@dataclass(frozen=True, slots=True)
class Case:
    """One session, object or upload, or several that belong together."""

    name: str  # the session's id, and the upload's label
    survives: frozenset[str] = frozenset()
    row: Mapping[str, Any] | None = field(default_factory=dict)  # over a stage's default; or none
    key: str = ""  # by default the session's own
    object_h: float | None = None  # an object so old
    assembled: bool = False  # the object was a multipart upload
    parts: int | None = None  # an upload under way with so many parts
    upload_h: float = OLD_H  # its age, and that of its parts
    young_part: bool = False  # one more part has just landed
    named: bool = True  # the row names the upload
    either: frozenset[str] = frozenset()  # may stay or go
    status: str = ""  # what the row's status is in the end, where it changes
    late: bool = False  # a part is in flight when the upload is aborted

    @property
    def object_key(self) -> str:
        """Return where its object is."""
        return self.key or key_of(self.name)

    def build(self, stage: Stage) -> list[Item]:
        """Put its object and its upload down; return its rows, yet to be written."""
        if self.object_h is not None:
            self._put(stage)
        upload_id = None
        if self.parts is not None:
            age_h = None if self.upload_h == OLD_H else self.upload_h
            upload_id = stage.begin(self.name, self.object_key, parts=self.parts, age_h=age_h)
            if self.young_part:
                stage.part(self.name, self.object_key, 9, young=True)
        if self.row is None:
            return []
        attributes = dict(self.row)
        for name in [name for name in attributes if name.endswith("_h")]:
            attributes[name.removesuffix("_h")] = stage.at(attributes.pop(name))
        if upload_id and self.named:
            attributes["s3UploadId"] = upload_id
        return [stage.session(self.name, **{"key": self.object_key, **attributes})]

    def _put(self, stage: Stage) -> None:
        age_h = None if self.object_h == OLD_H else self.object_h
        if not self.assembled:
            stage.put(self.object_key, age_h=age_h)
            return
        label = f"{self.name}, assembled"
        stage.begin(label, self.object_key, parts=1, age_h=age_h)
        stage.complete(label, self.object_key)


def claimed(hours: float, run: str = "killed-run") -> dict[str, Any]:
    """Return what a run that died so many hours ago left on a row."""
    return {
        "status": "expiring",
        "expiryRun": run,
        "expiryClaimedAt_h": -hours,
        "expiryPreviousStatus": "created",
    }


def whole(*parts: str) -> frozenset[str]:
    """Name what survives."""
    return frozenset(parts)


KEPT = (
    Case("kept-uploaded", whole(ROW, OBJECT), {"status": "uploaded", "ttl": None}, object_h=OLD_H),
    Case("kept-uploaded-with-ttl", whole(ROW, OBJECT), {"status": "uploaded"}, object_h=OLD_H),
    Case(
        "kept-uploaded-with-claim",
        whole(ROW, OBJECT),
        claimed(5) | {"status": "uploaded"},
        object_h=OLD_H,
    ),
    Case("kept-young", whole(ROW), {**LIVING, "createdAt_h": 0}),
    Case("kept-put-not-completed", whole(ROW, OBJECT), LIVING, object_h=OLD_H),
    Case(
        "kept-multipart-under-way",
        whole(ROW, UPLOAD),
        {**MULTIPART, **LIVING, "createdAt_h": 0},
        parts=1,
        upload_h=0,
    ),
    Case("kept-ttl-as-text", whole(ROW, OBJECT), {"ttl": "1000"}, object_h=OLD_H),
    Case("kept-without-ttl", whole(ROW, OBJECT), {"ttl": None}, object_h=OLD_H),
    Case("kept-without-status", whole(ROW, OBJECT), {"status": None}, object_h=OLD_H),
    Case("kept-status-a-number", whole(ROW, OBJECT), {"status": 7}, object_h=OLD_H),
    Case(
        "kept-without-key",
        whole(ROW, OBJECT),
        {"key": None},
        object_h=OLD_H,
    ),
    Case("kept-outside", whole(ROW, OBJECT), key="elsewhere/kept-outside.mp4", object_h=OLD_H),
)

SHARED = (
    # Two sessions with one key: the object belongs to the one whose id the key carries.
    Case("shared-owner", whole(ROW, OBJECT), {"status": "uploaded", "ttl": None}, object_h=OLD_H),
    Case("shared-guest", key=key_of("shared-owner"), either=whole(ROW)),
)

EXPIRED = (
    Case("expired-nothing-put"),
    Case("expired-single", object_h=OLD_H),
    Case("expired-single-fresh-object", object_h=0.05),
    Case("expired-unicode-ü €+%20&", object_h=OLD_H),
    Case("expired-multipart", row=MULTIPART, parts=0),
    Case("expired-multipart-parts", row=MULTIPART, parts=2),
    Case("expired-multipart-late-part", row=MULTIPART, parts=1, late=True),
    Case("expired-multipart-gone", row={**MULTIPART, "s3UploadId": "no-such-upload"}),
    Case(
        "expired-multipart-completed",
        row={**MULTIPART, "s3UploadId": "completed-upload"},
        object_h=OLD_H,
        assembled=True,
    ),
    Case("expired-partial", row={**MULTIPART, "status": "partial"}, parts=1),
    Case("expired-claim-young", row=claimed(0.1)),
    Case("expired-claim-old", row=claimed(1), object_h=OLD_H),
    Case(
        "expired-claim-old-completed",
        row={**MULTIPART, "s3UploadId": "completed-upload-too", **claimed(1)},
        object_h=OLD_H,
        assembled=True,
    ),
)

STUCK = (
    Case("stuck-single", whole(ROW), LIVING),
    Case("stuck-no-parts", whole(ROW, UPLOAD), {**MULTIPART, **LIVING}, parts=0),
    Case("stuck-parts", whole(ROW, UPLOAD), {**MULTIPART, **LIVING}, parts=1, status="partial"),
    Case(
        "stuck-parts-young", whole(ROW, UPLOAD), {**MULTIPART, **LIVING}, parts=1, young_part=True
    ),
    Case("partial", whole(ROW, UPLOAD), {**MULTIPART, **LIVING, "status": "partial"}, parts=1),
)

ORPHANS = (
    Case("orphan", row=None, object_h=OLD_H),
    Case("orphan-odd ü+%41&<", row=None, object_h=OLD_H),
    Case("orphan-young", whole(OBJECT), None, object_h=5),
    Case("orphan-assembled", row=None, object_h=OLD_H, assembled=True),
    Case("orphan-assembled-young", whole(OBJECT), None, object_h=30, assembled=True),
    Case("unmatched", whole(OBJECT), None, key="uploads/readme.txt", object_h=OLD_H),
    Case("stranger", whole(OBJECT), None, key="stranger/2026-01-05/x.mp4", object_h=OLD_H),
    Case("upload", row=None, parts=1),
    Case("upload-young", whole(UPLOAD), None, parts=1, upload_h=5),
    Case("upload-part-young", whole(UPLOAD), None, parts=1, young_part=True),
    Case("upload-unmatched", whole(UPLOAD), None, key="uploads/readme.md", parts=1),
    Case("upload-unnamed", whole(ROW, UPLOAD), LIVING, parts=1, named=False),
    Case(
        "upload-other-named",
        whole(ROW),
        {**MULTIPART, **LIVING, "s3UploadId": "another"},
        parts=1,
        named=False,
    ),
)

WORLD: tuple[Case, ...] = (*KEPT, *SHARED, *EXPIRED, *STUCK, *ORPHANS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is there, without what differs from one world to the next."""

    rows: Mapping[str, Mapping[str, Any]]
    objects: Mapping[str, str]
    uploads: frozenset[str]


def build(stage: Stage, cases: tuple[Case, ...] = WORLD) -> None:
    """Put every case on the stage; rows come last, in few calls."""
    stage.write([item for case in cases for item in case.build(stage)])


def snapshot(stage: Stage) -> Snapshot:
    """Return the state; times are told from the stage's beginning, uploads by label."""
    labels = {upload_id: label for label, upload_id in stage.uploads.items()}
    rows = {}
    for name, item in stage.rows().items():
        row = {attribute: next(iter(value.values())) for attribute, value in item.items()}
        row.pop(ID)
        row.pop("createdAt", None)
        if "N" in item.get("ttl", {}):
            # Roughly: a review begins when a run gets there, and one was killed before it did.
            row["ttl"] = round((float(row["ttl"]) - stage.began_s) / HOUR_S / 6)
        if "s3UploadId" in row:
            row["s3UploadId"] = labels.get(row["s3UploadId"], row["s3UploadId"])
        claim = [row.pop(attribute) for attribute in list(row) if attribute.startswith("expiry")]
        rows[name] = row | {"claimed": bool(claim)}
    return Snapshot(rows, stage.objects(), frozenset(stage.open_uploads()))


def lost_and_left(state: Snapshot, cases: tuple[Case, ...] = WORLD) -> list[str]:
    """Say, one line each, what of the living is missing and what of the dead is still there."""
    found = []
    for case in cases:
        there = {
            ROW: case.name in state.rows,
            OBJECT: case.object_key in state.objects,
            UPLOAD: case.name in state.uploads,
        }
        had = {
            ROW: case.row is not None,
            OBJECT: case.object_h is not None,
            UPLOAD: case.parts is not None,
        }
        found += [
            f"{'left' if there[part] else 'LOST'}: {part} of {case.name}"
            for part in had
            if had[part] and part not in case.either and there[part] != (part in case.survives)
        ]
        if case.status and there[ROW] and state.rows[case.name]["status"] != case.status:
            found.append(f"status of {case.name}: {state.rows[case.name]['status']}")
    return found
