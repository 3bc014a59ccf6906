"""
What the phases of one run share, and what they answer.

Makes no call. A dry run differs only in the actors held here: same interface, nothing written.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from expiry.outcomes import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_s3 import S3Client

    from expiry.allowance import Allowance
    from expiry.budget import Budget, Pace
    from expiry.errors import CapExceededError
    from expiry.moment import Moment
    from expiry.multipart import Uploads
    from expiry.objects import Objects
    from expiry.rows import Rows
    from expiry.versions import Versions
    from upload_cleanup.audit import Trail
    from upload_cleanup.request import Request
    from upload_cleanup.settings import Settings

MOST_ERRORS = 100


class Problems:
    """Errors by item, counted all and kept up to a cap; for all threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self.total = 0
        self.kept: list[dict[str, str]] = []

    def add(self, item: str, error: str) -> None:
        """Note that *item* (a session id, or a key) could not be dealt with."""
        with self._lock:
            self.total += 1
            if len(self.kept) < MOST_ERRORS:
                self.kept.append({"sessionId": item, "error": error})


@dataclass(frozen=True, slots=True)
class Context:
    """One run's means. ``rows``, ``objects`` and ``uploads`` write nothing in a dry run."""

    run_id: str
    settings: Settings
    request: Request
    dry_run: bool
    moment: Moment
    rows: Rows
    objects: Objects
    uploads: Uploads
    versions: Versions | None  # of the bucket, where runs can be restored
    s3: S3Client  # for the audit bucket and for restore only: nothing else deletes or lists
    account_id: str  # the function's own, which owns the audit bucket
    bucket_owner_account_id: str
    budget: Budget
    pace: Pace
    allowance: Allowance  # the smaller of max_deletes and the request's limit, over all phases
    trail: Trail
    logger: Logger
    wall_clock: Callable[[], float]
    clock: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(slots=True)
class OrphanReport:
    """What a phase by absence (orphaned objects, or orphaned uploads) answers."""

    outcomes: Account = field(default_factory=Account)
    deleted: int = 0  # objects deleted, or uploads aborted; none in a dry run
    freed_bytes: int = 0  # of what was deleted; a dry run's: of what would be
    listed: int = 0
    unmatched: int = 0
    living_without_object: int | None = None  # None: not known in this run
    problems: Problems = field(default_factory=Problems)
    refused: CapExceededError | None = None  # raised by the run at its end
    cursor: Mapping[str, Any] | None = None  # None: the phase is complete


class OrphanPhase(Protocol):
    """``orphans.OrphanPhase(context, living, place)``, ``orphan_uploads.UploadPhase(…)`` alike."""

    def run(self) -> OrphanReport:
        """Do the phase's work within the budget; a refused gate is in the report."""


@dataclass(slots=True)
class Living:
    """What the session scan tells the orphan phase, for the tripwire."""

    uploaded: int = 0  # uploaded sessions with a key under the prefix
    complete: bool = False  # whether every session was read in this run
    elsewhere: Collection[str] = ()  # keys of rows that do not name their own session
