"""A worker's death is told wherever the telling dies: one record, one message's id, a free key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from expiry.telemetry import logger_for
from job_claims import functions
from job_claims.functions import DeadLetters, Telling
from job_claims.queues import Queues
from job_claims.request import TimeoutRequest
from tests.safety.claims_stage import ClaimsStage, Party
from tests.safety.wire import KilledError, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from job_claims.fields import Holder
    from tests.safety.stage import Clients

CALLS = 4  # look, record, tell, free


@dataclass
class Scene:
    """A claim whose worker has died, and a queue for what must be looked at."""

    stage: ClaimsStage
    metrics: list[Mapping[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Claim the key, and make the queue."""
        self.owner = Party(self.stage).won()
        self.sqs = self.stage.clients.account.client("sqs")
        self.url = self.sqs.create_queue(QueueName=self.stage.name)["QueueUrl"]

    def time_out(self, wire: Wire | None = None, owner: Holder | None = None) -> dict[str, Any]:
        """Call the function, on a wire."""
        wire, owner = wire or Wire(), owner or self.owner
        party = Party(self.stage, wire=wire)
        letters = DeadLetters(Queues(wire.wrap(self.sqs)), self.url)
        request = TimeoutRequest.parse(
            {
                "projectUserId": str(self.stage.key),
                "containerId": owner.container_id,
                "fence": owner.fence,
                "messageId": "message-1",
                "error": {"Error": "States.HeartbeatTimeout", "Cause": "no heartbeat"},
                "executionId": "execution-1",
            }
        )
        return functions.time_out(
            (party.claims, party.owners, party.interruptions, letters),
            request,
            Telling(logger_for("test", "run"), self.metrics.append),
        )

    def letters(self) -> list[dict[str, Any]]:
        """Take all messages out of the queue."""
        found: list[dict[str, Any]] = []
        while got := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in got]
        return found


@pytest.fixture
def scene(clients: Clients) -> Scene:
    """Return a scene of one's own."""
    return Scene(ClaimsStage(clients))


def test_timeout_records_tells_and_frees(scene: Scene) -> None:
    """
    The message holds the claim as it was, as an object, and why it ended.
    """
    before = scene.stage.row() or {}

    answer = scene.time_out()

    after = scene.stage.row() or {}
    [letter] = scene.letters()
    assert answer["released"]
    assert "containerId" not in after
    assert after["fence"] == before["fence"]
    assert letter == {
        "type": "TIMEOUT",
        "id": answer["record"]["recordId"],
        "projectUserId": "amelia#scott",
        "containerId": scene.owner.container_id,
        "fence": scene.owner.fence,
        "messageId": "message-1",
        "claim": {
            "containerId": scene.owner.container_id,
            "threadId": "thread-1",
            "messageId": "message-1",
            "claimedAt": int(before["claimedAt"]["N"]),
            "expiresAt": int(before["expiresAt"]["N"]),
            "fence": scene.owner.fence,
        },
        "executionId": "execution-1",
        "error": "States.HeartbeatTimeout",
        "cause": "no heartbeat",
        "timestamp": int(scene.stage.now_s),
    }
    assert answer["record"]["claim"] == letter["claim"]
    assert scene.metrics == [{"Timeouts": 1}]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(CALLS))
def test_timeout_killed_at_any_call_and_called_again_ends_the_same(
    scene: Scene, call: int, *, after: bool
) -> None:
    """
    One record, a free key, and every message says the same, its id included.
    """
    with pytest.raises(KilledError):
        scene.time_out(Wire(die_at=call, die_after=after))
    scene.stage.advance(7)

    answer = scene.time_out()

    letters = scene.letters()
    assert answer["released"]
    assert len(scene.stage.records()) == 1
    assert "containerId" not in (scene.stage.row() or {})
    assert letters
    assert all(letter == letters[0] for letter in letters)
    assert letters[0]["claim"]["fence"] == scene.owner.fence
    assert {"Timeouts": 1} in scene.metrics  # whatever died, the alarm has heard of it


def test_timeout_of_a_claim_that_was_taken_over_leaves_the_new_one(scene: Scene) -> None:
    """
    Its record tells nothing of a claim that is another's, and the answer who holds the key.
    """
    new = Party(scene.stage, thread="thread-2").won(preempt=scene.owner)

    answer = scene.time_out()

    row = scene.stage.row() or {}
    [letter] = scene.letters()
    assert row["containerId"] == {"S": new.container_id}
    assert (answer["released"], answer["reason"]) == (False, "lost")
    assert answer["holder"]["fence"] == new.fence
    assert letter["claim"] is None


def test_timeouts_of_one_message_have_a_record_for_each_claim(scene: Scene) -> None:
    """
    A message that was sent anew, and whose worker died anew, is told anew.
    """
    first = scene.time_out()
    again = Party(scene.stage).won()

    second = scene.time_out(owner=again)

    ids = [letter["id"] for letter in scene.letters()]
    assert sorted(ids) == sorted([first["record"]["recordId"], second["record"]["recordId"]])
    assert len(scene.stage.records()) == len(set(ids)) == 2
    assert second["released"]
