"""
The statements of upload-cleanup on real stores: whoever writes between read and claim wins.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from expiry.budget import Budget, Pace
from expiry.moment import Moment
from expiry.rows import Effect, RowCandidate, Rows
from tests.conformance.test_deletes import refusal
from upload_cleanup.claims import Claims
from upload_cleanup.sessions import TAKE_OVER_S, Session, classify
from upload_cleanup.settings import Attributes, Settings

if TYPE_CHECKING:
    from tests.cloud import Account

pytestmark = pytest.mark.conformance

PLENTY = Budget(lambda: 3_600_000, reserve_s=10)
NOW_S = 2_000_000_000
EXPIRED = {"N": str(NOW_S - 3_600)}
ALIVE = {"N": str(NOW_S + 3_600)}
CLAIMERS = 16
ROUNDS = 10

CREATED: dict[str, Any] = {
    "uploadSessionId": {"S": "s"},
    "key": {"S": "uploads/2033-05-18/s.mp4"},
    "status": {"S": "created"},
    "uploadType": {"S": "multipart"},
    "s3UploadId": {"S": "upload 1"},
    "ttl": EXPIRED,
    "note": {"S": "what the application alone needs"},
}
OWN_WORD = CREATED | {"status": {"S": "expiring"}}  # the application's, without a claim of ours
CLAIMED_AT = {"N": str(NOW_S - TAKE_OVER_S - 1)}
CLAIMED: dict[str, Any] = {
    **CREATED,
    "status": {"S": "expiring"},
    "expiryRun": {"S": "killed"},
    "expiryClaimedAt": CLAIMED_AT,
    "expiryPreviousStatus": {"S": "created"},
}
WRITERS: dict[str, dict[str, Any]] = {
    "renews": {"ttl": ALIVE},
    "takes the expiry away": {"ttl": None},
    "writes the expiry as text": {"ttl": {"S": "1"}},
    "completes": {"status": {"S": "uploaded"}},
    "goes on": {"status": {"S": "uploading"}},
    "takes the status away": {"status": None},
    "uploads anew": {"s3UploadId": {"S": "upload 2"}},
    "ends its multipart upload": {"s3UploadId": None},
    "takes another key": {"key": {"S": "uploads/2033-05-18/t.mp4"}},
}


class Sessions:
    """A table of sessions, keyed as the application keys it."""

    def __init__(self, client: Any) -> None:
        self.client, self.name = client, f"t-{uuid.uuid4()}"
        client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "uploadSessionId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "uploadSessionId", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def put(self, row: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Write a row with *changes*, None for an attribute that it lacks; return it."""
        item = {name: value for name, value in (row | changes).items() if value is not None}
        self.client.put_item(TableName=self.name, Item=item)
        return item

    def get(self, session_id: str = "s") -> dict[str, Any] | None:
        """Return a row, None where there is none."""
        key = {"uploadSessionId": {"S": session_id}}
        found: dict[str, Any] | None = self.client.get_item(
            TableName=self.name, Key=key, ConsistentRead=True
        ).get("Item")
        return found

    def claims(self, run_id: str = "me") -> Claims:
        """Return the statements of a run whose time is now."""
        return Claims(self.name, Attributes(), run_id, NOW_S - 60)

    def rows(self) -> Rows:
        """Return the actor that executes them."""
        pace = Pace(0, time.monotonic, time.sleep)
        names = ("uploadSessionId",)
        return Rows(self.client, self.name, names, budget=PLENTY, pace=pace, threads=1)

    def take(self, session: Session, run_id: str = "me") -> Effect:
        """Claim *session* as it was read."""
        (answer,) = self.rows().execute([self.claims(run_id).take(session, NOW_S)])
        return answer.effect

    def remove(self, run_id: str = "me") -> str:
        """Delete the row as the run does; return its outcome."""
        candidate = RowCandidate({"uploadSessionId": {"S": "s"}}, self.claims(run_id).removal(), "")
        (result,) = self.rows().delete([candidate])
        return str(result.outcome)


@pytest.fixture
def sessions(store: tuple[Any, Account | None]) -> Sessions:
    """Create an empty table."""
    return Sessions(store[0])


def read(row: dict[str, Any]) -> Session:
    """Return the session of a row, as a run reads it."""
    settings = Settings.from_env({"TABLE_NAME": "sessions", "BUCKET": "uploads"})
    _, session = classify(row, settings, Moment.at(NOW_S, 60), "me")
    assert session is not None
    return session


def changed(row: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return *row* as a writer leaves it."""
    return {name: value for name, value in (row | changes).items() if value is not None}


def test_claim_writes_its_own_attributes_and_never_the_ttl(sessions: Sessions) -> None:
    """Everything else stays as the application wrote it."""
    sessions.put(CREATED)

    assert sessions.take(read(CREATED)) is Effect.DONE
    assert sessions.get() == {
        **CREATED,
        "status": {"S": "expiring"},
        "expiryRun": {"S": "me"},
        "expiryClaimedAt": {"N": str(NOW_S)},
        "expiryPreviousStatus": {"S": "created"},
    }


@pytest.mark.parametrize("writer", [*WRITERS, "claims"])
def test_claim_of_a_session_that_changed_is_refused(sessions: Sessions, writer: str) -> None:
    """Whatever the application writes after the read keeps its session, untouched."""
    after = CLAIMED if writer == "claims" else changed(CREATED, WRITERS[writer])
    sessions.put(after)

    assert sessions.take(read(CREATED)) is Effect.CHANGED
    assert sessions.get() == after


def test_claim_where_the_application_says_expiring_too_is_refused_to_the_second(
    sessions: Sessions,
) -> None:
    """The status alone does not tell a claim; the claim itself does."""
    sessions.put(OWN_WORD)

    assert sessions.take(read(OWN_WORD), "other") is Effect.DONE
    assert sessions.take(read(OWN_WORD)) is Effect.CHANGED
    assert (sessions.get() or {})["expiryRun"] == {"S": "other"}


def test_claim_of_a_session_that_is_gone_makes_none(sessions: Sessions) -> None:
    """TTL, or another run, was faster."""
    assert sessions.take(read(CREATED)) is Effect.GONE
    assert sessions.get() is None


def test_claim_taken_over_keeps_time_and_status_of_the_first(sessions: Sessions) -> None:
    """Only the run changes: an object has to be older than the first claim."""
    sessions.put(CLAIMED)

    assert sessions.take(read(CLAIMED)) is Effect.DONE
    assert sessions.get() == {**CLAIMED, "expiryRun": {"S": "me"}}


@pytest.mark.parametrize("writer", [*WRITERS, "takes over"])
def test_claim_taken_over_only_as_it_was_seen(sessions: Sessions, writer: str) -> None:
    """The dead run's claim was taken by another, or the session lives again."""
    changes = WRITERS.get(writer, {"expiryRun": {"S": "other"}})
    after = sessions.put(CLAIMED, **changes)

    assert sessions.take(read(CLAIMED)) is Effect.CHANGED
    assert sessions.get() == after


@pytest.mark.parametrize(
    "before", [CREATED, OWN_WORD, CLAIMED], ids=["free", "own word", "taken over"]
)
def test_claims_at_once_have_one_winner(sessions: Sessions, before: dict[str, Any]) -> None:
    """Of 16 runs that read the same session one has it, and the row says which."""
    session = read(before)
    with ThreadPoolExecutor(CLAIMERS) as pool:
        for _ in range(ROUNDS):
            sessions.put(before)
            runs = [f"run {number}" for number in range(CLAIMERS)]
            effects = list(pool.map(lambda run: sessions.take(session, run), runs))
            row = sessions.get()

            assert effects.count(Effect.DONE) == 1
            assert effects.count(Effect.CHANGED) == CLAIMERS - 1
            assert row is not None
            assert row["expiryRun"] == {"S": runs[effects.index(Effect.DONE)]}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "deleted"),
        ({"expiryRun": {"S": "other"}}, "changed"),
        ({"expiryRun": None}, "changed"),
        ({"status": {"S": "uploaded"}}, "changed"),
        ({"status": {"S": "created"}}, "changed"),
        ({"status": None}, "changed"),
        ({"ttl": ALIVE}, "changed"),
        ({"ttl": {"N": str(NOW_S - 60)}}, "changed"),  # exactly the cutoff
        ({"ttl": None}, "changed"),
        ({"ttl": {"S": "1"}}, "changed"),
    ],
)
def test_removal_of_a_row_only_while_it_is_expired_and_claimed_by_this_run(
    sessions: Sessions, changes: dict[str, Any], outcome: str
) -> None:
    """Each of the three conditions alone keeps the row."""
    row = sessions.put(CLAIMED, **{"expiryRun": {"S": "me"}, **changes})

    assert sessions.remove() == outcome
    assert sessions.get() == (None if outcome == "deleted" else row)


def test_removal_of_a_row_that_is_gone_is_gone(sessions: Sessions) -> None:
    """TTL was faster."""
    assert sessions.remove() == "gone"


def test_give_back_leaves_the_row_as_it_was_before_the_claim(sessions: Sessions) -> None:
    """No trace of the claim stays; what the application wrote meanwhile does."""
    sessions.put(CREATED)
    sessions.take(read(CREATED))
    row = sessions.get()
    assert row is not None
    sessions.put(row, ttl=ALIVE)

    (answer,) = sessions.rows().execute([sessions.claims().give_back(read(CREATED))])

    assert answer.effect is Effect.DONE
    assert sessions.get() == {**CREATED, "ttl": ALIVE}


@pytest.mark.parametrize(
    "changes",
    [
        {"expiryRun": {"S": "other"}},
        {"expiryRun": None},
        {"status": {"S": "uploaded"}},
        {"status": {"S": "created"}},
    ],
)
def test_give_back_of_a_claim_that_is_not_ours_changes_nothing(
    sessions: Sessions, changes: dict[str, Any]
) -> None:
    """Another run works on it, or the application has completed it without asking."""
    row = sessions.put(CLAIMED, **{"expiryRun": {"S": "me"}, **changes})

    (answer,) = sessions.rows().execute([sessions.claims().give_back(read(CLAIMED))])

    assert answer.effect is Effect.CHANGED
    assert sessions.get() == row


@pytest.mark.parametrize(("ttl", "after"), [(10, 500), (499, 500), (500, 500), (900, 900)])
def test_mark_partial_moves_the_expiry_to_a_later_time_only(
    sessions: Sessions, ttl: int, after: int
) -> None:
    """TTL must not take the evidence away, and nothing is to live shorter than it would have."""
    row = sessions.put(CREATED, ttl={"N": str(ttl)})

    statement = sessions.claims().mark_partial(read(row), 500)
    (answer,) = sessions.rows().execute([statement])

    assert answer.effect is Effect.DONE
    assert sessions.get() == {**row, "status": {"S": "partial"}, "ttl": {"N": str(after)}}


def test_mark_partial_adds_no_expiry_where_there_is_none(sessions: Sessions) -> None:
    """A session that never expires does not begin to."""
    row = sessions.put(CREATED, ttl=None)

    (answer,) = sessions.rows().execute([sessions.claims().mark_partial(read(row), 500)])

    assert answer.effect is Effect.DONE
    assert sessions.get() == {**row, "status": {"S": "partial"}}


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": ALIVE},
        {"status": {"S": "uploaded"}},
        {"status": {"S": "expiring"}},
        {"s3UploadId": {"S": "upload 2"}},
        {"s3UploadId": None},
    ],
)
@pytest.mark.parametrize("ttl", [EXPIRED, None], ids=["expires", "never expires"])
def test_mark_partial_of_a_session_that_changed_is_refused(
    sessions: Sessions, changes: dict[str, Any], ttl: dict[str, str] | None
) -> None:
    """Whoever wrote after the read wins."""
    seen = changed(CREATED, {"ttl": ttl})
    row = sessions.put(seen, **changes)

    (answer,) = sessions.rows().execute([sessions.claims().mark_partial(read(seen), NOW_S)])

    assert answer.effect is Effect.CHANGED
    assert sessions.get() == row


def test_application_cannot_complete_what_is_claimed(sessions: Sessions) -> None:
    """The contract's one condition: completing fails on a claimed session, and on a removed one."""
    sessions.put(CREATED)
    complete: dict[str, Any] = {
        "TableName": sessions.name,
        "Key": {"uploadSessionId": {"S": "s"}},
        "UpdateExpression": "SET #status = :uploaded",
        "ConditionExpression": "attribute_exists(uploadSessionId) AND #status <> :expiring",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":uploaded": {"S": "uploaded"},
            ":expiring": {"S": "expiring"},
        },
    }
    call = sessions.client.update_item

    assert sessions.take(read(CREATED)) is Effect.DONE
    assert refusal(call, **complete) == "ConditionalCheckFailedException"
    assert sessions.remove() == "deleted"
    assert refusal(call, **complete) == "ConditionalCheckFailedException"
    assert sessions.get() is None
