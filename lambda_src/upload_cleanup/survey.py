"""
Find objects that no session stands behind: list first, read the sessions after.

Calls: s3:ListBucket, dynamodb:BatchGetItem, and s3:GetObjectTagging where a tag protects. Deletes
nothing. Holds a page, a hundred sessions, and no more candidates than a plan may have.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from expiry.objects import ObjectCandidate
from expiry.parallel import in_parallel
from upload_cleanup.references import READ_AT_ONCE, References
from upload_cleanup.walk import Place, Walk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from expiry.objects import Listed
    from upload_cleanup.context import Context
    from upload_cleanup.references import Known

REASON = "no session"
PAGE_S = 2.0  # a page of a thousand objects, and the sessions that it names
SHARE_TO_ACT = 0.5  # of the time left: a plan that is never acted on is no use


@dataclass(slots=True)
class Found:
    """What was seen in a folder, or in all that were seen to their end."""

    listed: int = 0
    unmatched: int = 0  # keys that name no session: kept
    known: int = 0  # old enough to be judged, and something refers to it
    unknown: int = 0  # its session could not be read: kept
    living: int = 0  # objects that an uploaded session has uploaded, before this run began
    protected: int = 0  # by its tag
    orphans: int = 0  # all, also those that are not held in *candidates*
    candidates: list[ObjectCandidate] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take in what was seen elsewhere."""
        for each in fields(Found):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class _Folder:
    """A folder whose objects may still wait for their sessions to be read."""

    found: Found = field(default_factory=Found)
    waiting: int = 0
    ended: Place | None = None


class Survey:
    """One walk, its findings, and how far they reach."""

    def __init__(
        self,
        context: Context,
        most: int,
        elsewhere: Collection[str],
        place: Mapping[str, Any] | None,
    ) -> None:
        """
        Look from *place* on.

        Args:
            most: Orphans that a plan may hold; of more only the number is kept.
            elsewhere: Keys that sessions of other names point to; they are no orphans.
        """
        settings = context.settings
        self._context, self._most, self._elsewhere = context, most, elsewhere
        self._pattern = settings.key_pattern
        self._references = References(context.rows, settings.attributes)
        self._walk = Walk(context.objects, settings.prefix, context.run_id, place)
        self._old_before_s = context.moment.cutoff_s - settings.orphan_s
        self._folder = _Folder()
        self._ended: deque[_Folder] = deque()
        self._waiting: dict[str, list[tuple[Listed, _Folder]]] = {}
        self._kept = 0
        self.found = Found()
        self.complete = False
        self.reached: Place | None = None  # the end of the last folder that is known to its end

    def run(self) -> None:
        """
        Look until all is seen, or half of the time is used.

        Raises:
            StoreError: Objects or sessions could not be read at all.
        """
        budget = self._context.budget
        to_act_s = budget.left_s() * SHARE_TO_ACT
        in_time = True
        for step in self._walk.steps():
            self._take(step.objects)
            if step.ended:
                self._folder.ended = step.ended
                self._ended.append(self._folder)
                self._folder = _Folder()
            self._settle()
            in_time = budget.allows(to_act_s + PAGE_S)
            if not in_time:
                break
        self._judge(list(self._waiting))
        self._settle()
        self.complete = in_time

    def passed(self, key: str) -> bool:
        """Say whether this survey has seen all there is to see of *key*."""
        began, reached = self._walk.began, self.reached
        if self.complete:
            return began is None or not began.passed(key)
        return bool(began and reached and reached.passed(key) and not began.passed(key))

    def begun(self) -> Place:
        """Return where the walk began."""
        return self._walk.began or Place("", wrapped=False, after="")

    def stopped_at(self) -> Place:
        """Return where another run goes on."""
        return self.reached or self.begun()

    def place_after(self, key: str) -> Place:
        """Return the place from which all that comes after *key* is looked at again."""
        began = self.begun()
        return Place(began.start, wrapped=key <= began.start, after=key)

    def _take(self, objects: list[Listed]) -> None:
        folder = self._folder
        folder.found.listed += len(objects)
        for listed in objects:
            session_id = self._pattern.session_id(listed.key)
            if session_id is None:
                folder.found.unmatched += 1
                continue
            folder.waiting += 1
            self._waiting.setdefault(session_id, []).append((listed, folder))

    def _settle(self) -> None:
        """Read full batches of sessions, and count the folders that wait for none any more."""
        full = len(self._waiting) // READ_AT_ONCE * READ_AT_ONCE
        if full:
            self._judge(list(self._waiting)[:full])
        while self._ended and not self._ended[0].waiting:
            folder = self._ended.popleft()
            self.found.add(folder.found)
            self.reached = folder.ended

    def _judge(self, session_ids: list[str]) -> None:
        known = self._references.read(session_ids)
        orphans: list[tuple[ObjectCandidate, _Folder]] = []
        for session_id in session_ids:
            for listed, folder in self._waiting.pop(session_id):
                folder.waiting -= 1
                if self._is_orphan(listed, session_id, known, folder.found):
                    candidate = ObjectCandidate.of(listed, REASON, sessionId=session_id)
                    orphans.append((candidate, folder))
        self._plan(orphans)

    def _is_orphan(self, listed: Listed, session_id: str, known: Known, found: Found) -> bool:
        old = self._is_old(listed)
        if known.has_uploaded(session_id, listed.key):
            # What came after the sessions were counted must not stand for one that is missing.
            found.living += listed.last_modified_s < self._context.moment.now_s
        if known.row(session_id) is not None or listed.key in self._elsewhere:
            found.known += old
            return False
        if not known.absent(session_id):
            found.unknown += 1
            return False
        return old

    def _is_old(self, listed: Listed) -> bool:
        settings = self._context.settings
        # A multipart object looks as old as its upload, which may have ended only now.
        may_be_younger_s = settings.max_upload_s if listed.multipart else 0
        return listed.last_modified_s < self._old_before_s - may_be_younger_s

    def _plan(self, orphans: list[tuple[ObjectCandidate, _Folder]]) -> None:
        tagged = self._tagged([candidate.key for candidate, _ in orphans])
        for candidate, folder in orphans:
            if candidate.key in tagged:
                folder.found.protected += 1
                continue
            folder.found.orphans += 1
            if self._kept <= self._most:
                folder.found.candidates.append(candidate)
                self._kept += 1

    def _tagged(self, keys: list[str]) -> set[str]:
        """Return those that the tag protects, or may: a tag that was not read protects."""
        tag = self._context.settings.protect_tag
        if tag is None or self._kept > self._most:  # then the plan is refused whatever they carry
            return set()
        free: set[str] = set()

        def look(key: str) -> None:
            if not self._context.objects.has_tag(key, tag):
                free.add(key)

        work = [partial(look, key) for key in keys]
        in_parallel(work, threads=self._context.settings.threads, budget=self._context.budget)
        return set(keys) - free
