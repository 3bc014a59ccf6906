"""
Keep the trail of a run: each action as a log line, and where wanted as JSON lines in a bucket.

Calls: s3:PutObject in the audit bucket. The plan of what a run may delete is there before its
first delete; without it nothing is deleted. Action lines may be lost with a killed run, the log
has them; the plan is not. Holds at most one part of each in memory.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from expiry.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aws_lambda_powertools.logging import Logger

    from expiry.bucket import Bucket
    from expiry.objects import ObjectCandidate

PART_LINES = 1_000
WRITE_ACTION = "s3:PutObject"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a run did to an object, an upload or a session, or would have done."""

    action: str  # delete_object, abort_upload, delete_session, …
    key: str  # of the object, or the session's id
    reason: str
    evidence: Mapping[str, Any]
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """An object that a run may delete, as it stands in the plan."""

    key: str
    etag: str
    size: int
    last_modified_s: float
    reason: str
    goes: bool  # False: held for a second sighting, so this run leaves it
    first_seen_s: float | None = None
    version_id: str | None = None  # on a versioned bucket, the version that the ETag was found on

    @classmethod
    def of(cls, candidate: ObjectCandidate, **more: Any) -> Planned:
        """Describe *candidate*."""
        return cls(
            candidate.key,
            candidate.etag,
            candidate.size,
            candidate.last_modified_s,
            candidate.reason,
            **{"goes": True, **more},
        )


@dataclass(frozen=True, slots=True)
class RunId:
    """What tells a run, and an attempt at it, from all others."""

    run_id: str
    table: str
    bucket: str
    started_s: float
    dry_run: bool

    @property
    def date(self) -> str:
        """Return the UTC date on which the run began."""
        return datetime.fromtimestamp(self.started_s, UTC).date().isoformat()

    def part(self, number: int) -> str:
        """Name a part; an attempt under the same run id never overwrites an earlier one's."""
        return f"{int(self.started_s * 1000)}-{number:05}.jsonl"


@dataclass(frozen=True, slots=True)
class AuditBucket:
    """Where a run's lines go; partitions are named as Athena reads them."""

    bucket: Bucket
    prefix: str  # empty, or ends in a slash

    def actions_of(self, run: RunId) -> str:
        """Return the folder of a run's actions."""
        return f"{self.prefix}actions/table={run.table}/dt={run.date}/run_id={run.run_id}/"

    def plans_of(self, run_id: str) -> str:
        """Return the folder of a run's plan; the run id alone finds it again."""
        return f"{self.prefix}plans/run_id={run_id}/"

    def put_lines(self, key: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """
        Write *lines* as one object, each as JSON.

        Raises:
            StoreError: It is not certain that they are there.
        """
        body = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        self.bucket.call(
            "put_object",
            WRITE_ACTION,
            Key=key,
            Body=body.encode(),
            ContentType="application/x-ndjson",
        )


@dataclass(slots=True)
class Trail:
    """What one run writes down, from all its threads."""

    run: RunId
    logger: Logger
    store: AuditBucket | None = None
    errors: list[StoreError] = field(default_factory=list)  # parts of actions that were not written
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _parts: int = 0
    _plans: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, actions: Iterable[Action]) -> None:
        """Log each of *actions* at once; write them to the bucket part by part."""
        for action in actions:
            line = asdict(action) | {"evidence": dict(action.evidence)}
            self.logger.info("action", extra={"run_id": self.run.run_id, **line})
            if self.store is not None:
                self._keep(line)

    def plan(self, planned: Iterable[Planned]) -> None:
        """
        Write down what this run may delete, before it does; see ``plans.plan_objects``.

        Raises:
            StoreError: The plan is not certain to be there, so nothing of it may be deleted.
        """
        if self.store is None:
            return
        for batch in _batches(planned, PART_LINES):
            with self._lock:
                self._plans += 1
                part = self.run.part(self._plans)
            lines = [self._stamped(asdict(each)) for each in batch]
            self.store.put_lines(self.store.plans_of(self.run.run_id) + part, lines)

    def close(self) -> None:
        """Write what is left; what could not be written is in ``errors``, and in the log."""
        with self._lock:
            lines = self._take()
        self._write(lines)

    def _keep(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._lines.append(self._stamped(line))
            full = self._take() if len(self._lines) >= PART_LINES else []
        self._write(full)

    def _take(self) -> list[dict[str, Any]]:
        lines, self._lines = self._lines, []
        return lines

    def _write(self, lines: list[dict[str, Any]]) -> None:
        if not lines or self.store is None:
            return
        with self._lock:
            self._parts += 1
            key = self.store.actions_of(self.run) + self.run.part(self._parts)
        try:
            self.store.put_lines(key, lines)
        except StoreError as error:  # what was done is done: the run goes on, and says so
            self.errors.append(error)
            self.logger.warning("audit lines not written", extra={"key": key, "reason": str(error)})

    def _stamped(self, line: Mapping[str, Any]) -> dict[str, Any]:
        run = self.run
        return {
            "run_id": run.run_id,
            "started_s": run.started_s,
            "table": run.table,
            "bucket": run.bucket,
            "dry_run": run.dry_run,
            **line,
        }


def _batches(planned: Iterable[Planned], size: int) -> Iterator[list[Planned]]:
    batch: list[Planned] = []
    for each in planned:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
