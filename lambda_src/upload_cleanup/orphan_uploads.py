"""
Abort multipart uploads that no session stands behind; their parts cost, and no listing shows them.

Calls: s3:ListBucketMultipartUploads, dynamodb:BatchGetItem, s3:ListMultipartUploadParts,
s3:AbortMultipartUpload; those of ``sightings``; s3:ListBucket, one page, where nothing else shows
that the table is the right one. An upload goes only if its session is absent or names another
upload, and nobody has added a part for long; both are read right before it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError, StoreError
from expiry.gate import Gate
from expiry.multipart import Parts
from expiry.outcomes import Outcome, Result
from expiry.parallel import in_parallel
from upload_cleanup.audit import Action
from upload_cleanup.context import Context, Living, OrphanReport
from upload_cleanup.references import References
from upload_cleanup.sightings import UPLOADS, sightings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expiry.multipart import Upload
    from upload_cleanup.references import Known

ACTION = "abort_upload"
NO_SESSION = "no session"
OTHER_UPLOAD = "its session names another upload"
BATCH = 100  # their sessions are one call
BATCH_S = 5.0
PAGE_S = 2.0
NO_TIME = "not known: no time left"
WHOLE = 100.0  # what lies about longest are orphans: no share of them is implausible


@dataclass(frozen=True, slots=True)
class Orphan:
    """An upload that looks orphaned, with the evidence."""

    upload: Upload
    session_id: str
    reason: str


class UploadPhase:
    """Class 5 of a run; ``report`` holds what is known, also where ``run`` ends in an error."""

    def __init__(
        self, context: Context, living: Living, place: Mapping[str, Any] | None = None
    ) -> None:
        """Work on all uploads: their listing is short, so *place* has nothing to say."""
        del living, place
        settings = context.settings
        self.report = OrphanReport()
        self._context = context
        limit = context.request.limit
        self._most = settings.max_deletes if limit is None else min(limit, settings.max_deletes)
        self._references = References(context.rows, settings.attributes)
        self._sightings = sightings_for(context, UPLOADS) if settings.two_sightings else None
        self._old_before_s = context.moment.cutoff_s - settings.orphan_s
        self._orphans: list[Orphan] = []
        self._planned = self._known = 0
        self._complete = True

    def run(self) -> OrphanReport:
        """
        Look, judge, and abort what has passed; a refused gate is in the report.

        Raises:
            StoreError: Uploads or sessions could not be read at all.
        """
        report = self.report
        if self._sightings:
            self._sightings.recall()
        self._look()
        if not self._complete:
            report.cursor = {}
        report.refused = self._refusal()
        if report.refused:
            return report
        goes = [each for each in self._orphans if self._goes(each)]
        held = len(self._orphans) - len(goes)
        report.outcomes.counts[Outcome.PROTECTED] += held
        self._remember()
        if len(goes) > self._context.allowance.left:
            report.cursor = {}
            goes = []
        for start in range(0, len(goes), BATCH):
            if not self._context.budget.allows(BATCH_S):
                report.cursor = {}
                break
            self._act(goes[start : start + BATCH])
        return report

    # Finding

    def _look(self) -> None:
        for page in self._context.uploads.list(self._context.settings.prefix):
            self.report.listed += len(page)
            self._judge(page)
            if not self._context.budget.allows(PAGE_S):
                self._complete = False
                break

    def _judge(self, page: Sequence[Upload]) -> None:
        named = {each.upload_id: self._session_id(each) for each in page}
        known = self._references.read(each for each in named.values() if each)
        for upload in page:
            session_id = named[upload.upload_id]
            if session_id is None:
                self.report.unmatched += 1
                continue
            self._known += known.row(session_id) is not None
            if upload.initiated_s >= self._old_before_s:
                continue
            if known.absent(session_id):
                self._plan(Orphan(upload, session_id, NO_SESSION))
            elif known.names_another_upload(session_id, upload.upload_id):
                self._plan(Orphan(upload, session_id, OTHER_UPLOAD))

    def _plan(self, orphan: Orphan) -> None:
        self._planned += 1
        if len(self._orphans) <= self._most:
            self._orphans.append(orphan)

    def _session_id(self, upload: Upload) -> str | None:
        return self._context.settings.key_pattern.session_id(upload.key)

    def _refusal(self) -> CapExceededError | None:
        known = self._known or (self._hits() if self._planned else 0)
        try:
            Gate(self._most, WHOLE).judge(self._planned, self.report.listed, known)
        except CapExceededError as error:
            return error
        return None

    def _hits(self) -> int:
        """
        Look at a page of objects: do their sessions show that table and pattern are the right ones.

        Where there is no object at all nothing speaks against them.
        """
        settings = self._context.settings
        page = next(iter(self._context.objects.list(settings.prefix)), [])
        named = {settings.key_pattern.session_id(listed.key) for listed in page} - {None}
        known = self._references.read(each for each in named if each)
        return sum(known.row(each) is not None for each in named if each) if page else 1

    # Sightings

    def _goes(self, orphan: Orphan) -> bool:
        return self._sightings is None or self._sightings.goes(orphan.upload.upload_id, "")

    def _remember(self) -> None:
        if self._sightings is None:
            return
        planned = {each.upload.upload_id: "" for each in self._orphans}
        try:
            self._sightings.remember(planned, lambda _: self._complete)
        except StoreError as error:  # then this plan does not count as one, and that is all
            self.report.problems.add("sightings", str(error))

    # Acting

    def _act(self, batch: Sequence[Orphan]) -> None:
        """Abort what is still an orphan, by a reading of parts and sessions made just now."""
        parts = self._parts(batch)
        batch = [each for each in batch if self._is_quiet(parts.get(each.upload.upload_id))]
        known = self._references.read(each.session_id for each in batch)
        self._context.allowance.take(len(batch))
        ends: dict[str, Result[Orphan]] = {}

        def end(orphan: Orphan) -> None:
            found = parts.get(orphan.upload.upload_id)
            ends[orphan.upload.upload_id] = self._ended(orphan, found, known)

        self._in_parallel([partial(end, each) for each in batch])
        for each in batch:
            unsaid = Result(each, Outcome.FAILED, NO_TIME)
            self._account(ends.get(each.upload.upload_id, unsaid), parts)

    def _parts(self, batch: Sequence[Orphan]) -> dict[str, Parts | StoreError | None]:
        """Return what has been uploaded, or why that cannot be told; None: no such upload."""
        found: dict[str, Parts | StoreError | None] = {
            each.upload.upload_id: StoreError("s3:ListMultipartUploadParts", "parts", NO_TIME)
            for each in batch
        }

        def look(upload: Upload) -> None:
            try:
                found[upload.upload_id] = self._context.uploads.parts(upload.key, upload.upload_id)
            except StoreError as error:
                found[upload.upload_id] = error

        self._in_parallel([partial(look, each.upload) for each in batch])
        return dict(found)

    def _is_quiet(self, parts: Parts | StoreError | None) -> bool:
        """Say whether nobody has added a part for long; what is not known is told apart later."""
        newest_s = parts.newest_s if isinstance(parts, Parts) else None
        return newest_s is None or newest_s < self._old_before_s

    def _ended(
        self, orphan: Orphan, parts: Parts | StoreError | None, known: Known
    ) -> Result[Orphan]:
        upload = orphan.upload
        if parts is None:
            return Result(orphan, Outcome.GONE)
        if isinstance(parts, StoreError):
            return Result(orphan, Outcome.FAILED, str(parts))
        there = known.row(orphan.session_id) is not None
        if known.names_another_upload(orphan.session_id, upload.upload_id) or known.absent(
            orphan.session_id
        ):
            end = self._context.uploads.abort_until_empty(upload.key, upload.upload_id)
            return Result(orphan, end.outcome, end.detail)
        if there:
            return Result(orphan, Outcome.CHANGED, "its session has come, or names it now")
        return Result(orphan, Outcome.FAILED, "its session could not be read")

    def _in_parallel(self, work: Sequence[Callable[[], None]]) -> None:
        in_parallel(work, threads=self._context.settings.threads, budget=self._context.budget)

    def _account(
        self, result: Result[Orphan], parts: Mapping[str, Parts | StoreError | None]
    ) -> None:
        report, upload = self.report, result.victim.upload
        found = parts.get(upload.upload_id)
        size_bytes = found.size_bytes if isinstance(found, Parts) else 0
        report.outcomes.add([result])
        if result.outcome in {Outcome.DELETED, Outcome.WOULD_DELETE}:
            report.deleted += result.outcome is Outcome.DELETED
            report.freed_bytes += size_bytes
        elif result.outcome is Outcome.FAILED:
            report.problems.add(upload.key, result.detail)
        evidence = {
            "sessionId": result.victim.session_id,
            "uploadId": upload.upload_id,
            "initiated": datetime.fromtimestamp(upload.initiated_s, UTC).isoformat(),
            "size": size_bytes,
        }
        action = Action(
            ACTION, upload.key, result.victim.reason, evidence, result.outcome, result.detail
        )
        self._context.trail.note([action])
