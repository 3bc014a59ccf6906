"""
Delete objects that no session stands behind, if the whole plan is plausible.

Calls: those of ``survey``, ``sightings`` and ``audit``; s3:DeleteObject with an ETag. The order is
what makes it safe: list, read the sessions, judge the plan as a whole, write it down, and then for
each batch read its sessions once more right before it goes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError, StoreError
from expiry.gate import Gate
from expiry.outcomes import Outcome, Result
from upload_cleanup.audit import Action
from upload_cleanup.context import Context, Living, OrphanReport
from upload_cleanup.plans import hold_objects, plan_objects
from upload_cleanup.references import References
from upload_cleanup.sightings import OBJECTS, sightings_for, tripped
from upload_cleanup.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expiry.objects import ObjectCandidate

BATCH = 1_000  # of DeleteObjects
BATCH_S = 6.0  # ten readings of a hundred sessions, and one delete of a thousand objects
ACTION = "delete_object"
SESSION_CAME = "a session of that name has come meanwhile"
UNREAD = "the session could not be read"


class OrphanPhase:
    """Class 4 of a run; ``report`` holds what is known, also where ``run`` ends in an error."""

    def __init__(
        self, context: Context, living: Living, place: Mapping[str, Any] | None = None
    ) -> None:
        """Work from *place* on, where an earlier run has stopped; *living* is for the tripwire."""
        settings = context.settings
        self.report = OrphanReport()
        self._context, self._living, self._place = context, living, place
        limit = context.request.limit
        self._most = settings.max_deletes if limit is None else min(limit, settings.max_deletes)
        self._gate = Gate(self._most, settings.max_orphan_percent)
        self._references = References(context.rows, settings.attributes)
        self._survey = Survey(context, self._most, living.elsewhere, place)
        self._sightings = sightings_for(context, OBJECTS)

    def run(self) -> OrphanReport:
        """
        Look, judge, and delete what has passed; a refused gate is in the report.

        Raises:
            StoreError: Listing, reading or writing the plan failed as a whole.
        """
        if self._sightings:
            self._sightings.recall()
        self._survey.run()
        self._count()
        report, survey = self.report, self._survey
        report.cursor = None if survey.complete else survey.stopped_at().as_dict()
        report.refused = self._refusal()
        if report.refused:
            self._note_missing()
            return report
        candidates = survey.found.candidates
        goes = [each for each in candidates if self._goes(each)]
        held = [each for each in candidates if not self._goes(each)]
        self._remember(candidates)
        report.outcomes.add(Result(each, Outcome.PROTECTED, "first sighting") for each in held)
        if len(goes) > self._context.allowance.left:
            report.cursor = dict(self._place) if self._place else survey.begun().as_dict()
            goes = []  # never the first N of a plan: another run has an allowance of its own
        plan_objects(self._context, goes)
        hold_objects(self._context, held, self._first_s)
        self._act(goes)
        return report

    def _count(self) -> None:
        found, report = self._survey.found, self.report
        report.listed, report.unmatched = found.listed, found.unmatched
        report.outcomes.counts[Outcome.PROTECTED] += found.protected
        if found.unknown:
            report.problems.add(
                self._context.settings.table, f"of {found.unknown} objects {UNREAD}"
            )
        if self._survey.complete and self._place is None and self._living.complete:
            report.living_without_object = max(0, self._living.uploaded - found.living)

    def _refusal(self) -> CapExceededError | None:
        found = self._survey.found
        try:
            self._gate.judge(found.orphans, found.listed, found.known)
        except CapExceededError as error:
            return error
        before = self._sightings.missing if self._sightings else None
        return tripped(self.report.living_without_object, before)

    # Sightings

    def _goes(self, candidate: ObjectCandidate) -> bool:
        if self._sightings is None or not self._context.settings.two_sightings:
            return True
        return self._sightings.goes(candidate.key, candidate.etag)

    def _first_s(self, candidate: ObjectCandidate) -> float | None:
        first_s = self._sightings and self._sightings.first_s(candidate.key, candidate.etag)
        return first_s or float(self._context.moment.now_s)

    def _remember(self, candidates: Sequence[ObjectCandidate]) -> None:
        if self._sightings is None:
            return
        planned = {each.key: each.etag for each in candidates}
        try:
            self._sightings.remember(
                planned, self._survey.passed, self.report.living_without_object
            )
        except StoreError as error:  # then this plan does not count as one, and that is all
            self.report.problems.add("sightings", str(error))

    def _note_missing(self) -> None:
        missing = self.report.living_without_object
        if self._sightings is None or missing is None:
            return
        try:
            self._sightings.note_missing(missing)
        except StoreError as error:
            self.report.problems.add("sightings", str(error))

    # Acting

    def _act(self, goes: Sequence[ObjectCandidate]) -> None:
        for start in range(0, len(goes), BATCH):
            if not self._context.budget.allows(BATCH_S):
                before = self._survey.place_after(goes[start - 1].key) if start else None
                self.report.cursor = (before or self._survey.begun()).as_dict()
                return
            batch = goes[start : start + BATCH]
            self._context.allowance.take(len(batch))
            self._account(self._delete(batch))

    def _delete(self, batch: Sequence[ObjectCandidate]) -> Iterator[Result[ObjectCandidate]]:
        """Delete what is still an orphan, by a reading of its sessions made just now."""
        known = self._references.read(each.evidence["sessionId"] for each in batch)
        orphans: list[ObjectCandidate] = []
        for candidate in batch:
            session_id = candidate.evidence["sessionId"]
            if known.absent(session_id):
                orphans.append(candidate)
            elif known.row(session_id) is not None:
                yield Result(candidate, Outcome.CHANGED, SESSION_CAME)
            else:
                yield Result(candidate, Outcome.FAILED, UNREAD)
        if orphans:
            yield from self._context.objects.delete(orphans)

    def _account(self, results: Iterator[Result[ObjectCandidate]]) -> None:
        report = self.report
        for result in results:
            report.outcomes.add([result])
            self._record(result)
            match result.outcome:
                case Outcome.DELETED:
                    report.deleted += 1
                    report.freed_bytes += result.victim.size
                case Outcome.WOULD_DELETE:
                    report.freed_bytes += result.victim.size
                case Outcome.FAILED:
                    report.problems.add(result.victim.key, result.detail)

    def _record(self, result: Result[ObjectCandidate]) -> None:
        victim = result.victim
        action = Action(
            ACTION, victim.key, victim.reason, evidence_of(victim), result.outcome, result.detail
        )
        self._context.trail.note([action])


def evidence_of(candidate: ObjectCandidate) -> dict[str, Any]:
    """Return what a line of the trail says of an object."""
    moment = datetime.fromtimestamp(candidate.last_modified_s, UTC)
    return {
        **candidate.evidence,
        "etag": candidate.etag,
        "size": candidate.size,
        "lastModified": moment.isoformat(),
    }
