"""
Bring back what a run has deleted from a versioned bucket: take away the markers that it made.

Calls: s3:ListBucket and s3:GetObject of the plan in the audit bucket, s3:ListBucketVersions,
s3:DeleteObjectVersion of delete markers; those of ``sightings``. A marker goes only if it is the
latest of a key that the run has planned, is younger than the run's start, and hides the version
with the planned ETag. Doing it again does nothing more.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from expiry.bucket import Bucket
from expiry.calls import explained
from expiry.errors import MismatchError, StoreError
from expiry.outcomes import Outcome
from expiry.parallel import in_parallel
from upload_cleanup.audit import Action, AuditBucket
from upload_cleanup.context import Problems
from upload_cleanup.settings import AUDIT_VARIABLE
from upload_cleanup.sightings import OBJECTS, sightings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from expiry.versions import Hidden
    from upload_cleanup.context import Context

ACTION = "restore_object"
REASON = "planned by the run that is restored"
PART_S = 10.0  # a thousand keys on eight threads
RESTORED, WOULD_RESTORE, LEFT, FAILED = "restored", "would_restore", "left", "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a plan."""

    key: str
    etag: str
    started_s: float

    @classmethod
    def parse(cls, line: Mapping[str, Any], bucket: str, prefix: str) -> Self | None:
        """Return what *line* says was to go from *bucket*; None where it was not to go."""
        key = str(line["key"])
        gone = line["goes"] and not line["dry_run"]
        if not gone or line["bucket"] != bucket or not key.startswith(prefix):
            return None
        return cls(key, str(line["etag"]), float(line["started_s"]))

    def made(self, hidden: Hidden) -> bool:
        """Say whether the run may have made the marker, over the version that it planned."""
        began_s = math.floor(self.started_s)  # S3 tells whole seconds, cut off
        return hidden.version.etag == self.etag and hidden.marker.last_modified_s >= began_s


def restore(context: Context) -> dict[str, Any]:
    """
    Undo the run that the request names; return the function's result.

    Raises:
        MismatchError: The bucket keeps no versions, or there is no plan of such a run.
        StoreError: The plan could not be read.
    """
    began_s = context.clock()
    run_id = context.request.run_id or ""
    restoring = _Restoring(context)
    complete = restoring.all_parts(run_id)
    counts = restoring.counts
    return {
        "timestamp": datetime.fromtimestamp(context.moment.now_s, UTC).isoformat(),
        "requestId": context.run_id,
        "operation": "restore",
        "runId": run_id,
        "dryRun": context.dry_run,
        "complete": complete,
        "planned": counts.total(),
        "restored": counts[RESTORED],
        "wouldRestore": counts[WOULD_RESTORE],
        "left": counts[LEFT],
        "failed": counts[FAILED],
        "totalDuration": round((context.clock() - began_s) * 1000),
        "errors": restoring.problems.kept,
    }


class _Restoring:
    """One restore."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        if settings.audit is None or context.versions is None:
            raise MismatchError(
                "restore needs a bucket that keeps versions, an audit bucket that keeps the plan,"
                " and to be switched on (restore = true)"
            )
        audit = Bucket(
            context.s3, settings.audit.bucket, context.account_id, context.pace, AUDIT_VARIABLE
        )
        self._context, self._versions = context, context.versions
        self._plans = AuditBucket(audit, settings.audit.prefix)
        self._sightings = sightings_for(context, OBJECTS)
        self._end = self._would_restore if context.dry_run else self._restore
        self._lock = threading.Lock()
        self.problems = Problems()
        self.counts: Counter[str] = Counter()

    def all_parts(self, run_id: str) -> bool:
        """Restore what each part of the plan holds; say whether there was time for all."""
        part = None
        for part in self._parts(run_id):
            if not self._context.budget.allows(PART_S) or not self._whole(self._lines(part)):
                return False
        if part is None:
            where = f"s3://{self._plans.bucket.name}/{self._plans.plans_of(run_id)}"
            raise MismatchError(f"there is no plan of that run under {where}; correct runId")
        return True

    # The plan

    def _parts(self, run_id: str) -> Iterator[str]:
        pages = self._plans.bucket.pages(
            "list_objects_v2",
            "s3:ListBucket",
            {"Prefix": self._plans.plans_of(run_id)},
            {"ContinuationToken": "NextContinuationToken"},
        )
        for page in pages:
            yield from (found["Key"] for found in page.get("Contents", ()))

    def _lines(self, part: str) -> list[Line]:
        audit, settings = self._plans.bucket, self._context.settings
        answer = audit.call("get_object", "s3:GetObject", Key=part)
        with explained("s3:GetObject", str(audit), setting=audit.setting):
            text = answer["Body"].read().decode()
        read = (json.loads(line) for line in text.splitlines())
        lines = (Line.parse(line, settings.bucket, settings.prefix) for line in read)
        return list(dict.fromkeys(line for line in lines if line))

    # Restoring

    def _whole(self, lines: list[Line]) -> bool:
        """Restore what *lines* say; say whether all of them have come to an end."""
        before = self.counts.total()
        ours: dict[Line, Hidden] = {}
        self._in_parallel([partial(self._look, line, ours) for line in lines])
        found = dict(ours)
        self._begin_anew(found)
        self._in_parallel([partial(self._end, line, hidden) for line, hidden in found.items()])
        return self.counts.total() - before == len(lines)

    def _look(self, line: Line, ours: dict[Line, Hidden]) -> None:
        try:
            hidden = self._versions.hidden(line.key)
        except StoreError as error:
            self._account(line, FAILED, str(error))
            return
        if hidden is not None and line.made(hidden):
            ours[line] = hidden
        else:
            self._account(line, LEFT)

    def _begin_anew(self, found: Mapping[Line, Hidden]) -> None:
        """Forget that they were seen as orphans, first: else the next run takes them at once."""
        if self._sightings is None or not found or self._context.dry_run:
            return
        self._sightings.recall()
        self._sightings.forget({line.key for line in found})

    def _restore(self, line: Line, hidden: Hidden) -> None:
        result = self._versions.remove_marker(hidden)
        if result.outcome is Outcome.FAILED:
            self._account(line, FAILED, result.detail, hidden)
        else:
            self._account(line, RESTORED, hidden=hidden)

    def _would_restore(self, line: Line, hidden: Hidden) -> None:
        self._account(line, WOULD_RESTORE, hidden=hidden)

    def _account(
        self, line: Line, end: str, detail: str = "", hidden: Hidden | None = None
    ) -> None:
        with self._lock:
            self.counts[end] += 1
        if end == FAILED:
            self.problems.add(line.key, detail)
        if end == LEFT:
            return
        evidence: dict[str, Any] = {"etag": line.etag}
        if hidden is not None:
            evidence |= {
                "marker": hidden.marker.version_id,
                "version": hidden.version.version_id,
            }
        self._context.trail.note([Action(ACTION, line.key, REASON, evidence, end, detail)])

    def _in_parallel(self, work: list[Callable[[], None]]) -> None:
        in_parallel(work, threads=self._context.settings.threads, budget=self._context.budget)
