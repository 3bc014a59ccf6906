"""One claim's life on the real store: what its conditions and its set of messages rest on."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

from job_claims.claims import Claims
from job_claims.endings import Ending, Owner
from job_claims.fields import JobKey
from job_claims.owners import Owners
from job_claims.request import ClaimRequest
from job_claims.settings import Attributes, ClaimSettings, RateLimit
from job_claims.update import Table

if TYPE_CHECKING:
    from job_claims.endings import Claimed
    from job_claims.fields import Holder
    from tests.aws.conftest import Place

LEASE_S = 3_600


class Job:
    """One key, and the time as its claimers have it."""

    def __init__(self, place: Place, limit: int = 0) -> None:
        self.now_s = float(int(time.time()))
        table = Table(place.dynamodb, place.name, "ACTIVE_JOBS_TABLE")
        names, rate = Attributes(key="pk"), RateLimit(limit, 86_400)
        settings = ClaimSettings(place.name, names, LEASE_S, 30, 86_400, rate)
        self.claims = Claims(table, settings, lambda: self.now_s, lambda _: secrets.token_hex(6))
        self.owners = Owners(table, settings, lambda: self.now_s)
        self.key = JobKey("jobs", secrets.token_hex(6))

    def claim(self, thread: str, message: str, preempt: Holder | None = None) -> Claimed:
        """Claim the key."""
        return self.claims.claim(ClaimRequest(self.key, thread, message, preempt=preempt))


@pytest.fixture
def job(place: Place) -> Job:
    """Return a key that nobody has claimed."""
    return Job(place)


def test_claim_is_held_shared_and_freed_by_the_last_message(job: Job) -> None:
    """The refused write brings who holds the key; the set of messages says who is last."""
    first = job.claim("thread-1", "message-1")
    owner = first.claim.holder

    assert first.ending is Ending.CLAIMED
    held = job.claim("thread-2", "message-2")
    assert (held.ending, held.claim) == (Ending.HELD, first.claim)
    assert job.claim("thread-1", "message-3").ending is Ending.REFRESHED
    assert job.owners.release(job.key, owner, "message-1").owner is Owner.SHARED
    assert job.owners.refresh(job.key, owner).owner is Owner.DONE
    assert job.owners.release(job.key, owner, "message-3").owner is Owner.DONE
    assert job.claims.find(job.key) is None


def test_claim_s_fence_grows_by_release_end_and_preemption(job: Job) -> None:
    """And who shows an old one is told who holds the key."""
    owners = [job.claim("thread-1", "message-1").claim.holder]
    job.owners.release(job.key, owners[-1])
    owners.append(job.claim("thread-2", "message-2").claim.holder)
    job.now_s += LEASE_S + 31
    owners.append(job.claim("thread-2", "message-2").claim.holder)
    owners.append(job.claim("thread-3", "message-3", preempt=owners[-1]).claim.holder)

    first = owners[0].fence
    assert [owner.fence for owner in owners] == list(range(first, first + 4))
    stale = job.owners.refresh(job.key, owners[0])
    assert stale.owner is Owner.LOST
    assert stale.claim is not None
    assert stale.claim.holder == owners[-1]


def test_claim_over_its_rate_is_refused_in_the_same_write(place: Place) -> None:
    """The counter's slot and its window are conditions of the claim itself."""
    job = Job(place, limit=1)
    owner = job.claim("thread-1", "message-1").claim.holder
    job.owners.release(job.key, owner)

    assert job.claim("thread-1", "message-1").ending is Ending.LIMITED
    job.now_s += 86_400
    assert job.claim("thread-1", "message-1").ending is Ending.CLAIMED
    job.now_s += 32 * 86_400
    assert job.claim("thread-1", "message-1").ending is Ending.CLAIMED
