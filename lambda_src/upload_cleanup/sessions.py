"""
Decide what a session is: every row falls into exactly one class.

Pure: no call, no clock. Unknown means keep: a row of which anything that matters cannot be read is
counted and never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from expiry.attributes import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.keys import KeyPattern
    from expiry.moment import Moment
    from expiry.scanning import Row
    from upload_cleanup.settings import Attributes, Settings

UPLOADED = "uploaded"
CREATED = "created"
EXPIRING = "expiring"
PARTIAL = "partial"

RUN = "expiryRun"
CLAIMED_AT = "expiryClaimedAt"
PREVIOUS_STATUS = "expiryPreviousStatus"

TAKE_OVER_S = 900  # as long as a function may run: whoever claimed it is not at it any more
LEAST_MILLISECONDS = 10**11  # as seconds this is the year 5138, as milliseconds 1973


class Standing(StrEnum):
    """How a session stands with the cleanup."""

    UPLOADED = "uploaded"  # done: never touched
    LIVING = "living"  # not expired, and nothing is wrong with it
    STUCK = "stuck"  # alive, created long ago: may be marked, is never removed
    EXPIRED = "expired"  # past its TTL and not uploaded
    CLAIMED = "claimed"  # a run that may still be at work has it
    RENEWED = "renewed"  # not expired, and still claimed by a run that died: given back
    OUTSIDE = "outside"  # its key is not under the prefix: it could be anybody's object
    UNREADABLE = "unreadable"  # something of it is missing or of the wrong type


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run has written on a session before it did anything else."""

    run_id: str
    claimed_at_s: int  # of the first claim: whoever takes over keeps it
    previous_status: str


@dataclass(frozen=True, slots=True)
class Session:
    """A row that can be read, without what the application alone needs."""

    id: str
    key: str
    status: str
    ttl: str | None  # as DynamoDB writes the number
    upload_id: str | None  # None also where it is empty: S3 must never be asked to abort nothing
    claim: Claim | None
    upload_id_is_empty: bool = False  # as some applications write where there is no upload

    @property
    def previous_status(self) -> str:
        """Return the status that the application gave it."""
        return self.claim.previous_status if self.claim else self.status

    def failed_before(self, before_s: int) -> bool:
        """Say whether it never got beyond ``created``, and its TTL lies before *before_s*."""
        expired = self.ttl is not None and whole_seconds(self.ttl) < before_s
        return expired and self.previous_status == CREATED

    def owner_id(self, pattern: KeyPattern) -> str | None:
        """Return the session that its key names; its own id, as a rule."""
        return pattern.session_id(self.key)


def classify(
    row: Row, settings: Settings, moment: Moment, run_id: str
) -> tuple[Standing, Session | None]:
    """Return a row's only class, and the session where all of it can be read."""
    names = settings.attributes
    session = _read(row, names)
    if _text(row, names.session_id) and _text(row, names.status) == UPLOADED:
        return Standing.UPLOADED, session
    if session is None:
        return Standing.UNREADABLE, None
    if not session.key.startswith(settings.prefix):
        return Standing.OUTSIDE, session
    expired = session.ttl is not None and whole_seconds(session.ttl) < moment.cutoff_s
    if session.claim is not None:
        return _claimed(session.claim, moment, run_id, expired=expired), session
    if expired:
        return Standing.EXPIRED, session
    created_s = created_at_s(row.get(names.created_at))
    return _alive(session, created_s, moment.now_s - settings.stuck_s), session


def _claimed(claim: Claim, moment: Moment, run_id: str, *, expired: bool) -> Standing:
    at_work = claim.claimed_at_s > moment.now_s - TAKE_OVER_S
    if at_work and claim.run_id != run_id:
        return Standing.CLAIMED
    return Standing.EXPIRED if expired else Standing.RENEWED


def _alive(session: Session, created_s: float | None, stuck_before_s: int) -> Standing:
    old = created_s is not None and created_s < stuck_before_s
    return Standing.STUCK if old and session.status == CREATED else Standing.LIVING


def _read(row: Row, names: Attributes) -> Session | None:
    """Return the session, None where anything of it is missing or of the wrong type."""
    session_id, key = _text(row, names.session_id), _text(row, names.key)
    status = _text(row, names.status)
    if session_id is None or key is None or status is None:
        return None
    if any(name in row and kind not in row[name] for name, kind in _optional(names)):
        return None
    claim = None
    if status == EXPIRING and RUN in row:
        claim = _claim(row)
        if claim is None:
            return None
    ttl, upload_id = row.get(names.ttl, {}).get("N"), row.get(names.upload_id, {}).get("S")
    return Session(session_id, key, status, ttl, upload_id or None, claim, upload_id == "")


def _optional(names: Attributes) -> tuple[tuple[str, str], ...]:
    return (names.ttl, "N"), (names.upload_id, "S"), (names.upload_type, "S")


def _claim(row: Row) -> Claim | None:
    run_id, previous = _text(row, RUN), _text(row, PREVIOUS_STATUS)
    claimed_at = row.get(CLAIMED_AT, {}).get("N")
    if run_id is None or previous is None or claimed_at is None:
        return None
    return Claim(run_id, whole_seconds(claimed_at), previous)


def _text(row: Row, name: str) -> str | None:
    """Return a String attribute that is not empty."""
    return row.get(name, {}).get("S") or None


def created_at_s(value: Mapping[str, Any] | None) -> float | None:
    """
    Return when a session was created; None where that cannot be told.

    The application may write seconds or milliseconds since 1970, or ISO 8601; without a zone it
    is UTC.
    """
    if value is None:
        return None
    if "N" in value:
        number = whole_seconds(value["N"])
        return number / 1000 if number >= LEAST_MILLISECONDS else number
    try:
        moment = datetime.fromisoformat(value.get("S", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
