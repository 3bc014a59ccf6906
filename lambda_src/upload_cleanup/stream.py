"""
Clean up after one session as soon as TTL has removed its row.

Calls: dynamodb:BatchGetItem, s3:AbortMultipartUpload, s3:ListMultipartUploadParts, s3:ListBucket,
s3:DeleteObject with an ETag, and those of ``plans``. What to do is read from the old image alone;
that nobody has taken the name up again, from the table, right before each delete. Whatever is in
doubt is left to the schedule: it finds what is orphaned.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from expiry.errors import EventError, StoreError
from expiry.objects import Listed, ObjectCandidate
from expiry.outcomes import Account, Outcome, Result
from expiry.parallel import in_parallel
from upload_cleanup.audit import Action
from upload_cleanup.context import Problems
from upload_cleanup.orphans import evidence_of
from upload_cleanup.plans import plan_objects
from upload_cleanup.references import References
from upload_cleanup.sessions import Session, Standing, classify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upload_cleanup.context import Context
    from upload_cleanup.references import Known

TTL_SERVICE = ("Service", "dynamodb.amazonaws.com")
REASON = "removed by TTL"
DELETE_OBJECT, ABORT_UPLOAD = "delete_object", "abort_upload"

NOT_TTL = "not a removal by TTL"
NO_IMAGE = "no old image"
NOT_OWN = "its key is another session's, or nobody's"
BACK = "a session of that name is there"
NO_TIME = "not tried: no time left"
UNREAD = "the session could not be read"
SETTLING = "the object may be younger than it looks: the schedule decides"
PROTECTED = "the object carries the tag that protects"


@dataclass(slots=True)
class Removed:
    """A session that TTL has removed, and what was found out since."""

    number: str  # the record's sequence number
    session: Session
    removed_s: float
    aborted: Outcome | None = None
    found: Listed | None = None
    looked: bool = False
    end: Result[Session] | None = None

    def ends(self, outcome: Outcome, detail: str = "") -> None:
        """End it here; what comes first stays."""
        if self.end is None:
            self.end = Result(self.session, outcome, detail)


@dataclass(slots=True)
class StreamReport:
    """What became of a batch of records."""

    outcomes: Account = field(default_factory=Account)
    ignored: Counter[str] = field(default_factory=Counter)  # reason → records
    aborted: int = 0
    deleted: int = 0  # objects; none in a dry run
    freed_bytes: int = 0
    problems: Problems = field(default_factory=Problems)
    failed: list[str] = field(default_factory=list)  # sequence numbers

    @property
    def answer(self) -> dict[str, Any]:
        """Return what Lambda asks for: the records that are to come again."""
        return {"batchItemFailures": [{"itemIdentifier": number} for number in self.failed]}


def is_stream_event(event: Any) -> bool:
    """Say whether *event* comes from a table's stream."""
    records = event.get("Records") if isinstance(event, dict) else None
    return isinstance(records, list) and all(
        isinstance(each, dict) and each.get("eventSource") == "aws:dynamodb" for each in records
    )


class StreamRun:
    """One batch of a stream."""

    def __init__(self, context: Context) -> None:
        """Work with what a run has."""
        self._context = context
        self._references = References(context.rows, context.settings.attributes)
        self.report = StreamReport()

    def clean(self, records: Sequence[Mapping[str, Any]]) -> StreamReport:
        """
        Clean up after each of *records*; those that could not be done are in the report.

        Raises:
            EventError: A record has no sequence number, so it could not be asked for again.
            StoreError: Nothing can be read at all; Lambda brings all records again.
        """
        removed = [each for record in records if (each := self._removed(record))]
        self._keep_what_is_back(removed)
        self._in_parallel([each for each in removed if not each.end])
        for each in removed:
            if not each.end and not each.looked:
                each.ends(Outcome.FAILED, NO_TIME)
        self._delete([each for each in removed if not each.end])
        for each in removed:
            self._account(each)
        return self.report

    # What it is about

    def _removed(self, record: Mapping[str, Any]) -> Removed | None:
        change = record.get("dynamodb", {})
        number = change.get("SequenceNumber")
        if not isinstance(number, str) or not number:
            raise EventError(["a record has no SequenceNumber"])
        if not _by_ttl(record):
            self.report.ignored[NOT_TTL] += 1
            return None
        image = change.get("OldImage")
        if not image:
            self.report.ignored[NO_IMAGE] += 1
            return None
        context = self._context
        standing, session = classify(image, context.settings, context.moment, context.run_id)
        if standing is not Standing.EXPIRED or session is None:
            self.report.ignored[str(standing)] += 1  # a claim: its run is at work on it
            return None
        if session.owner_id(context.settings.key_pattern) != session.id:
            self.report.ignored[NOT_OWN] += 1
            return None
        removed_s = change.get("ApproximateCreationDateTime", context.moment.now_s)
        return Removed(number, session, min(float(removed_s), context.moment.now_s))

    def _keep_what_is_back(self, removed: Sequence[Removed]) -> Known:
        known = self._references.read(each.session.id for each in removed)
        for each in removed:
            if known.row(each.session.id) is not None:
                each.ends(Outcome.CHANGED, BACK)
            elif not known.absent(each.session.id):
                each.ends(Outcome.FAILED, UNREAD)
        return known

    # What there is

    def _in_parallel(self, removed: Sequence[Removed]) -> None:
        context = self._context
        work = [partial(self._look, each) for each in removed]
        in_parallel(work, threads=context.settings.threads, budget=context.budget)

    def _look(self, removed: Removed) -> None:
        """Abort the upload, and only then look for the object: afterwards none is completed."""
        session, context = removed.session, self._context
        if session.upload_id is not None:
            end = context.uploads.abort_until_empty(session.key, session.upload_id)
            removed.aborted = end.outcome
            evidence = {"sessionId": session.id, "uploadId": session.upload_id}
            self._note(ABORT_UPLOAD, session.key, evidence, end.outcome, end.detail)
            if end.outcome is Outcome.FAILED:
                removed.ends(Outcome.FAILED, end.detail)
        try:
            removed.found = context.objects.find(session.key)
        except StoreError as error:
            removed.ends(Outcome.FAILED, str(error))
        if removed.found is not None:
            self._judge(removed, removed.found)
        removed.looked = True

    def _judge(self, removed: Removed, found: Listed) -> None:
        tag = self._context.settings.protect_tag
        if not self._is_settled(removed, found):
            removed.ends(Outcome.PROTECTED, SETTLING)
        elif tag is not None and self._context.objects.has_tag(found.key, tag):
            removed.ends(Outcome.PROTECTED, PROTECTED)

    def _is_settled(self, removed: Removed, found: Listed) -> bool:
        """Say whether the object is surely of the dead session, and nobody's newer one."""
        settle_s = self._context.settings.settle_s
        # An upload that is not there any more was completed, and nobody can say when; the time of
        # a multipart object is when its upload began.
        completed = removed.aborted is Outcome.GONE or found.multipart
        return not completed and found.last_modified_s <= removed.removed_s - settle_s

    # Acting

    def _delete(self, removed: Sequence[Removed]) -> None:
        """Delete objects by a reading of their sessions made just now."""
        candidates = {
            each.found.key: ObjectCandidate.of(each.found, REASON, sessionId=each.session.id)
            for each in removed
            if each.found
        }
        try:
            ends = self._delete_objects(removed, candidates) if candidates else {}
        except StoreError as error:
            ends = {
                key: Result(each, Outcome.FAILED, str(error)) for key, each in candidates.items()
            }
        # Its row is gone already; where it had no object either, that is all there was.
        nothing = Outcome.WOULD_DELETE if self._context.dry_run else Outcome.DELETED
        for each in removed:
            end = ends.get(each.session.key)
            if end is None or end.outcome is Outcome.GONE:
                each.ends(nothing)
            else:
                each.ends(end.outcome, end.detail)

    def _delete_objects(
        self, removed: Sequence[Removed], candidates: Mapping[str, ObjectCandidate]
    ) -> dict[str, Result[ObjectCandidate]]:
        plan_objects(self._context, list(candidates.values()))
        self._keep_what_is_back(removed)
        back = {each.session.key for each in removed if each.end}
        going = [each for key, each in candidates.items() if key not in back]
        ends = {}
        for result in self._context.objects.delete(going) if going else ():
            ends[result.victim.key] = result
            self._take(result)
        return ends

    def _take(self, result: Result[ObjectCandidate]) -> None:
        victim, report = result.victim, self.report
        self._note(DELETE_OBJECT, victim.key, evidence_of(victim), result.outcome, result.detail)
        if result.outcome in {Outcome.DELETED, Outcome.WOULD_DELETE}:
            report.deleted += result.outcome is Outcome.DELETED
            report.freed_bytes += victim.size

    def _account(self, removed: Removed) -> None:
        report, end = self.report, removed.end
        if end is None:  # every one has ended; the type cannot say so
            return
        report.outcomes.add([end])
        report.aborted += removed.aborted is Outcome.DELETED
        if end.outcome is Outcome.FAILED:
            report.failed.append(removed.number)
            report.problems.add(removed.session.id, end.detail)

    def _note(
        self, action: str, key: str, evidence: Mapping[str, Any], outcome: Outcome, detail: str
    ) -> None:
        self._context.trail.note([Action(action, key, REASON, evidence, outcome, detail)])


def _by_ttl(record: Mapping[str, Any]) -> bool:
    """Say whether TTL has removed the row; the API writes the identity's members differently."""
    who = {name.lower(): value for name, value in (record.get("userIdentity") or {}).items()}
    removed = record.get("eventName") == "REMOVE"
    return removed and (who.get("type"), who.get("principalid")) == TTL_SERVICE
