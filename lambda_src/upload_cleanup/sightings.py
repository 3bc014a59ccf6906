"""
Remember between runs what looked orphaned, so that nothing goes on one run's word alone.

Calls: s3:GetObject and s3:PutObject of one object in the audit bucket, written only over what was
read (If-Match, If-None-Match): of two runs at once one writes, the other reads again. What cannot
be read counts as never seen, so it keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from expiry.bucket import Bucket, code_of
from expiry.calls import explained
from expiry.errors import CapExceededError, ExpiryError, StoreError
from upload_cleanup.settings import AUDIT_VARIABLE

if TYPE_CHECKING:
    from upload_cleanup.context import Context

OBJECTS = "objects"
UPLOADS = "uploads"

READ_ACTION = "s3:GetObject"
WRITE_ACTION = "s3:PutObject"
LOST_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
TRIES = 4
MOST_KEPT = 50_000  # of each kind; 256 MB hold them, and what is left out only waits longer


@dataclass(frozen=True, slots=True)
class Sighting:
    """When something first looked orphaned, and the version that did."""

    etag: str
    first_s: float


Seen = Mapping[str, Sighting]


@dataclass(frozen=True, slots=True)
class Memory:
    """What runs before this one have left."""

    sections: Mapping[str, Seen] = field(default_factory=dict)
    missing: int | None = None  # living sessions without their object, in the last complete run

    def seen(self, section: str) -> Seen:
        """Return the sightings of one kind of thing."""
        return self.sections.get(section, {})

    def with_seen(self, section: str, seen: Seen) -> Memory:
        """Return a memory with other sightings of that kind; the youngest are left out first."""
        if len(seen) > MOST_KEPT:
            seen = dict(nsmallest(MOST_KEPT, seen.items(), key=lambda item: item[1].first_s))
        return replace(self, sections={**self.sections, section: seen})


@dataclass(slots=True)
class MemoryObject:
    """The object that holds a memory, and its ETag as last read or written."""

    bucket: Bucket
    key: str
    trouble: StoreError | None = None  # why the last read, or write, did not do
    _etag: str | None = None

    @staticmethod
    def key_of(prefix: str, table: str, bucket: str, upload_prefix: str) -> str:
        """Name the object of all runs over the same table, bucket and prefix."""
        return f"{prefix}state/{table}/{bucket}/{quote(upload_prefix, safe='')}.json"

    def read(self) -> Memory:
        """Return what is remembered; nothing where it cannot be read, and then see ``trouble``."""
        self._etag, self.trouble = None, None
        try:
            answer = self.bucket.call("get_object", READ_ACTION, Key=self.key)
            with explained(READ_ACTION, str(self.bucket), setting=self.bucket.setting):
                body = answer["Body"].read()
        except StoreError as error:
            # Where a role may list nothing a missing key is denied. Writing finds out which it is:
            # with no ETag it only makes what is not there.
            if code_of(error) != "NoSuchKey":
                self.trouble = error
            return Memory()
        self._etag = answer["ETag"]
        try:
            return _parsed(body)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.trouble = StoreError(READ_ACTION, self.key, f"not as it was written: {error!r}")
            return Memory()

    def change(self, change: Callable[[Memory], Memory], memory: Memory) -> Memory:
        """
        Write *change* of *memory*, as last read; where another run was faster, of what it left.

        Raises:
            StoreError: It was not written, so this run's sightings will not count.
        """
        for _ in range(TRIES):
            changed = change(memory)
            try:
                self._write(changed)
            except StoreError as error:
                if code_of(error) not in LOST_CODES:
                    raise
                memory = self.read()
            else:
                return changed
        raise self.trouble or StoreError(WRITE_ACTION, self.key, "other runs keep writing it")

    def _write(self, memory: Memory) -> None:
        unchanged = {"IfMatch": self._etag} if self._etag else {"IfNoneMatch": "*"}
        answer = self.bucket.call(
            "put_object",
            WRITE_ACTION,
            Key=self.key,
            Body=_written(memory),
            ContentType="application/json",
            **unchanged,
        )
        self._etag, self.trouble = answer["ETag"], None


@dataclass(slots=True)
class Sightings:
    """One phase's view of the memory: what was seen early enough, and what is seen now."""

    store: MemoryObject
    section: str
    grace_s: float
    now_s: float
    _memory: Memory = field(default_factory=Memory)

    def recall(self) -> None:
        """Read the memory, before anything is listed."""
        self._memory = self.store.read()

    @property
    def missing(self) -> int | None:
        """Return how many living sessions the last complete run missed the object of."""
        return self._memory.missing

    def first_s(self, name: str, etag: str) -> float | None:
        """Return when *name* was first seen as it is now; None where it never was."""
        sighting = self._memory.seen(self.section).get(name)
        return sighting.first_s if sighting and sighting.etag == etag else None

    def goes(self, name: str, etag: str) -> bool:
        """Say whether a plan at least a grace old held *name* already, the same version of it."""
        first_s = self.first_s(name, etag)
        return first_s is not None and first_s <= self.now_s - self.grace_s

    def remember(
        self,
        planned: Mapping[str, str],
        looked_at: Callable[[str], bool],
        missing: int | None = None,
    ) -> None:
        """
        Write down this plan; what was looked at and is not in it is no orphan, so it is forgotten.

        Args:
            planned: Name → ETag.
            looked_at: Says whether this run has seen all there is to see of a name.
            missing: Living sessions without their object, where that is known.

        Raises:
            StoreError: It was not written.
        """

        def change(memory: Memory) -> Memory:
            before = memory.seen(self.section)
            seen = {name: each for name, each in before.items() if not looked_at(name)}
            for name, etag in planned.items():
                earlier = before.get(name)
                same = earlier is not None and earlier.etag == etag
                seen[name] = earlier if same and earlier else Sighting(etag, self.now_s)
            changed = memory.with_seen(self.section, seen)
            return changed if missing is None else replace(changed, missing=missing)

        self._changed(change)

    def note_missing(self, missing: int) -> None:
        """
        Write down the number only: this run's plan was refused, so it counts for nothing.

        Raises:
            StoreError: It was not written.
        """
        self._changed(lambda memory: replace(memory, missing=missing))

    def forget(self, names: Collection[str]) -> None:
        """
        Let *names* begin anew: they have come back, and have a whole grace again.

        Raises:
            StoreError: It was not written.
        """

        def change(memory: Memory) -> Memory:
            seen = memory.seen(self.section)
            kept = {name: each for name, each in seen.items() if name not in names}
            return memory.with_seen(self.section, kept)

        self._changed(change)

    def _changed(self, change: Callable[[Memory], Memory]) -> None:
        # The memory that was recalled stays: what goes was decided by it.
        self.store.change(change, self._memory)


def sightings_for(context: Context, section: str) -> Sightings | None:
    """Make a phase's view of the memory; None where there is no audit bucket to keep one in."""
    settings = context.settings
    if settings.audit is None:
        return None
    bucket = Bucket(
        context.s3, settings.audit.bucket, context.account_id, context.pace, AUDIT_VARIABLE
    )
    key = MemoryObject.key_of(
        settings.audit.prefix, settings.table, settings.bucket, settings.prefix
    )
    return Sightings(MemoryObject(bucket, key), section, settings.orphan_s, context.moment.now_s)


class TripwireError(CapExceededError):
    """More living sessions miss their object than in the last run; no orphan was deleted."""

    def __init__(self, missing: int, before: int) -> None:
        """Say how many sessions there are, and how many there were."""
        ExpiryError.__init__(
            self,
            f"{missing} living sessions have no object, in the last run it was {before}; somebody"
            " deletes what is alive: find out who before the next run, which goes on from here",
        )
        self.planned, self.cap, self.reason = missing, before, "living sessions without object"


def tripped(missing: int | None, before: int | None) -> TripwireError | None:
    """Return the error where both numbers are known and the new one is higher."""
    if missing is None or before is None or missing <= before:
        return None
    return TripwireError(missing, before)


def _parsed(body: bytes) -> Memory:
    found: dict[str, Any] = json.loads(body)
    sections = {
        section: {name: Sighting(str(etag), float(first_s)) for name, (etag, first_s) in of.items()}
        for section, of in found["seen"].items()
    }
    missing = found["missing"]
    return Memory(sections, None if missing is None else int(missing))


def _written(memory: Memory) -> bytes:
    seen = {
        section: {name: [each.etag, each.first_s] for name, each in of.items()}
        for section, of in memory.sections.items()
    }
    return json.dumps({"seen": seen, "missing": memory.missing}, separators=(",", ":")).encode()
