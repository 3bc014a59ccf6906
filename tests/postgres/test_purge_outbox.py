"""
The outbox: what a purge has doomed goes from S3, unless it is named, changed, or not surely its.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import MismatchError, MissingError
from soft_delete_purge import drain, outbox
from tests.postgres.purge_runs import World, built
from tests.postgres.purge_scene import CDN, moc
from tests.postgres.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Account, Cloud
    from tests.postgres.database import Database


@pytest.fixture(scope="module")
def shared(embedded18: Database, cloud: Cloud) -> Iterator[World]:
    """Return a world for all tests of this file."""
    yield from built(embedded18, cloud)


@pytest.fixture
def world(shared: World) -> World:
    """Return a world without records."""
    shared.reset()
    return shared


def etag_of(world: World, key: str) -> str:
    """Return what S3 says of an object."""
    return str(world.s3.head_object(Bucket=world.bucket, Key=key)["ETag"])


def ended(answer: dict[str, Any]) -> dict[str, int]:
    """Return the outcomes of files that are not 0."""
    outcomes = ("deleted", "gone", "changed", "protected", "failed", "settling")
    files = answer["steps"]["objects"]
    return {outcome: files[outcome] for outcome in outcomes if files[outcome]}


class Client:
    """S3, with something that happens before calls."""

    def __init__(self, client: Any, before: Callable[[str], None]) -> None:
        self._client, self._before = client, before
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Be the client, but let the test know of each call."""
        made = getattr(self._client, name)
        if not callable(made):
            return made

        def call(**request: Any) -> Any:
            self.calls.append(name)
            self._before(name)
            return made(**request)

        return call


def test_drain_deletes_what_a_purge_has_seen_by_its_etag(world: World) -> None:
    """The record's files go in the same run, the outbox is empty, and S3 was asked twice."""
    world.put("mocs/1/a", "mocs/1/b", "mocs/2/a")
    moc(world.database, files=["mocs/1/a", "mocs/1/b"], thumbnail=f"{CDN}mocs/2/a")
    world.s3 = Client(world.s3, lambda _: None)

    answer = world.purge()

    assert ended(answer) == {"deleted": 3}
    assert (answer["s3Deleted"], answer["outboxPending"], answer["complete"]) == (3, 0, True)
    assert (world.files(), world.outbox()) == (set(), [])
    assert world.s3.calls[:2] == ["list_objects_v2", "delete_objects"]


def test_drain_keeps_a_key_that_any_row_names_now(world: World) -> None:
    """A record that took the key over keeps its file, soft-deleted or not, by key or URL."""
    world.put("mocs/a", "mocs/b")
    moc(world.database, days=3, files=["mocs/a"])
    moc(world.database, days=None, thumbnail=f"{CDN}mocs/b?size=2")
    world.enqueue("mocs/a", "mocs/b")

    assert ended(world.purge()) == {"protected": 2}
    assert (world.files(), world.outbox()) == ({"mocs/a", "mocs/b"}, [])


def test_drain_key_taken_over_right_before_the_question_is_kept(world: World) -> None:
    """The tables are asked after S3 was: who comes while S3 answers is seen."""
    world.put("mocs/a")
    world.enqueue("mocs/a")

    def take_over(call: str) -> None:
        if call == "list_objects_v2":
            moc(world.database, days=None, files=["mocs/a"])

    world.s3 = Client(world.s3, take_over)

    assert ended(world.purge()) == {"protected": 1}
    assert world.files() == {"mocs/a"}


def test_drain_object_that_was_overwritten_stays(world: World) -> None:
    """The ETag stored with the key is the condition: another content is somebody's."""
    world.put("mocs/a")
    world.enqueue("mocs/a", etag=etag_of(world, "mocs/a"))
    world.put("mocs/a", body="new")

    assert ended(world.purge()) == {"changed": 1}
    assert (world.files(), world.outbox()) == ({"mocs/a"}, [])


def test_drain_looks_itself_where_the_purge_could_not(world: World) -> None:
    """What is older than the purge goes, what is younger stays, what is not there is gone."""
    world.put("mocs/old", "mocs/young")
    world.enqueue("mocs/old", "mocs/none", seconds_ago=-60)
    world.enqueue("mocs/young", seconds_ago=3_600)

    assert ended(world.purge()) == {"deleted": 1, "gone": 1, "changed": 1}
    assert (world.files(), world.outbox()) == ({"mocs/young"}, [])


def test_drain_object_of_an_upload_in_parts_is_seen_twice_a_day_apart(world: World) -> None:
    """It is as old as the beginning of its upload, so one look says nothing; a second one does."""
    key = {"Bucket": world.bucket, "Key": "mocs/parts"}
    upload = world.s3.create_multipart_upload(**key)["UploadId"]
    part = world.s3.upload_part(**key, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    world.s3.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts)
    world.enqueue("mocs/parts", seconds_ago=-60)

    assert [ended(world.purge()) for _ in range(2)] == [{"settling": 1}] * 2
    world.database.run(
        "update expiry.purge_outbox set first_seen_at = first_seen_at - interval '1 day'"
    )
    assert ended(world.purge()) == {"deleted": 1}
    assert (world.files(), world.outbox()) == (set(), [])


def test_drain_s3_in_trouble_ends_no_run_and_forgets_nothing(world: World) -> None:
    """The records go, the files wait with their error and their attempts, the next run has them."""
    world.put("mocs/a")
    key = moc(world.database, files=["mocs/a"])
    real, down = world.s3, Client(world.s3, lambda _: real.head_bucket(Bucket="not-there"))
    world.s3 = down

    answer = world.purge()

    assert key not in world.mocs()
    assert (answer["outcomes"]["deleted"], answer["failed"], answer["outboxPending"]) == (1, 0, 1)
    assert not answer["complete"]
    assert down.calls == ["list_objects_v2"] * 2  # one before the purge, one after: no more
    ((waiting, attempts, error),) = world.outbox()
    assert (waiting, attempts) == ("mocs/a", 1)
    assert error.startswith("s3:ListBucket on bucket files-")

    world.s3 = real
    assert ended(world.purge()) == {"deleted": 1}
    assert (world.files(), world.outbox()) == (set(), [])


def test_drain_does_not_go_on_asking_an_s3_in_trouble(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page says it all: the others wait without an attempt, and the run ends soon."""
    monkeypatch.setattr(drain, "PAGE", 1)
    world.enqueue("mocs/a", "mocs/b", "mocs/c")
    real = world.s3
    world.s3 = Client(real, lambda _: real.head_bucket(Bucket="not-there"))

    answer = world.purge()

    assert world.s3.calls == ["list_objects_v2"]
    assert [attempts for _, attempts, _ in world.outbox()] == [1, 0, 0]
    assert answer["outboxPending"] == 3


def test_drain_refused_delete_is_tried_by_the_next_run(world: World) -> None:
    """A role that may not delete loses nothing: the key stays in the outbox, and S3's word."""
    world.put("mocs/a")
    world.enqueue("mocs/a", etag=etag_of(world, "mocs/a"))
    real = world.s3

    def refuse(call: str) -> None:
        if call == "delete_objects":
            real.delete_objects(Bucket="not-there", Delete={"Objects": [{"Key": "x"}]})

    world.s3 = Client(real, refuse)
    answer = world.purge()

    assert ended(answer) == {"failed": 1}
    assert [error["type"] for error in answer["errors"]] == ["FileError"]
    ((_, attempts, error),) = world.outbox()
    assert attempts == 1
    assert error.startswith("s3:DeleteObject on bucket files-")
    world.s3 = real
    assert ended(world.purge()) == {"deleted": 1}


def test_drain_killed_after_the_delete_finds_it_gone_the_next_time(world: World) -> None:
    """Between S3's answer and the acknowledgement nothing is lost: it is asked again."""
    world.put("mocs/a")
    world.enqueue("mocs/a", etag=etag_of(world, "mocs/a"))
    real = world.s3

    class Killed(BaseException):
        """What no handler catches."""

    class Dying(Client):
        def __getattr__(self, name: str) -> Any:
            made = super().__getattr__(name)
            if name != "delete_objects":
                return made

            def call(**request: Any) -> Any:
                made(**request)
                raise Killed

            return call

    world.s3 = Dying(real, lambda _: None)
    with pytest.raises(Killed):
        world.purge()
    assert (world.files(), [row[:2] for row in world.outbox()]) == (set(), [("mocs/a", 1)])

    world.s3 = real
    assert ended(world.purge()) == {"gone": 1}
    assert world.outbox() == []


def test_drain_holds_no_lock_and_no_transaction_while_s3_answers(world: World) -> None:
    """A slow S3 keeps nobody from anything: not rows, not vacuum's horizon."""
    world.put("mocs/a")
    world.enqueue("mocs/a")
    seen: list[tuple[Any, ...]] = []

    def ask(_: str) -> None:
        seen.extend(
            world.database.run(
                "select activity.state, count(locks) from pg_stat_activity as activity"
                " left join pg_locks as locks on locks.pid = activity.pid"
                " and locks.locktype <> 'advisory'"
                " where activity.application_name = 'purge' group by 1"
            )
        )

    world.s3 = Client(world.s3, ask)
    world.purge()

    assert seen == [("idle", 0)] * 2


def test_drain_asks_by_the_thousand(world: World) -> None:
    """1,500 keys: two deletes, and a handful of statements a page."""
    world.enqueue(*(f"mocs/{n}" for n in range(2)), etag='"e"')
    world.database.run(
        "insert into expiry.purge_outbox (bucket, key, etag, source, correlation_id)"
        " select bucket, 'mocs/' || n, etag, source, correlation_id from expiry.purge_outbox,"
        " generate_series(10, 758) n"
    )
    world.s3 = Client(world.s3, lambda _: None)

    answer = world.purge()

    assert (answer["outboxPending"], ended(answer)["gone"]) == (0, 1_500)
    assert world.s3.calls == ["delete_objects"] * 4  # a key that is there twice is asked for twice


def test_drain_shares_the_outbox_with_one_that_is_at_work(world: World) -> None:
    """What a living session has claimed is passed by; once it has ended, or too long ago, taken."""
    world.enqueue("mocs/a", "mocs/b")
    with open_session(world.database) as other:
        outbox.lock(other, 7)
        (claimed,) = outbox.claim(other, 7, 0, 1)
        assert claimed.key == "mocs/a"

        assert ended(world.purge()) == {"gone": 1}
        assert [key for key, *_ in world.outbox()] == ["mocs/a"]

    world.enqueue("mocs/c")
    assert ended(world.purge()) == {"gone": 2}


def test_drain_at_work_keeps_others_from_its_entries(world: World) -> None:
    """While S3 answers this one, another run finds nothing to do: no file is asked for twice."""
    world.put("mocs/a")
    world.enqueue("mocs/a")
    left: list[int] = []

    def look(_: str) -> None:
        with open_session(world.database) as other:
            outbox.lock(other, 7)
            left.append(len(outbox.claim(other, 7, 0, 10)))

    world.s3 = Client(world.s3, look)

    assert ended(world.purge()) == {"deleted": 1}
    assert left == [0, 0]


def test_drain_claim_ends_by_time_too(world: World) -> None:
    """A server may take a lost client for a living one for hours; fifteen minutes is enough."""
    world.enqueue("mocs/a")
    with open_session(world.database) as other:
        outbox.lock(other, 7)
        outbox.claim(other, 7, 0, 1)
        world.database.run("update expiry.purge_outbox set claimed_until = now()")

        assert ended(world.purge()) == {"gone": 1}


def test_drain_that_the_tables_do_not_answer_deletes_nothing(world: World) -> None:
    """Unknown means keep: the run fails, and the file waits."""
    world.put("mocs/a")
    world.enqueue("mocs/a")
    real = world.s3

    def forget(call: str) -> None:
        if call == "list_objects_v2":
            world.database.run("alter table files rename column s3_key to other")

    world.s3 = Client(real, forget)
    with pytest.raises(MissingError, match="s3_key"):
        world.purge()
    world.s3 = real

    assert (world.files(), len(world.outbox())) == ({"mocs/a"}, 1)
    world.database.run("alter table files rename column other to s3_key")
    assert ended(world.purge()) == {"deleted": 1}


def test_drain_tells_how_old_the_oldest_file_is(world: World) -> None:
    """The alarm's number: hours since it was put there, whatever was tried meanwhile."""
    world.put("mocs/a")
    world.enqueue("mocs/a", seconds_ago=7_200)
    real = world.s3
    world.s3 = Client(real, lambda _: real.head_bucket(Bucket="not-there"))

    answer = world.purge()

    assert (answer["outboxPending"], round(answer["outboxOldestAgeHours"], 2)) == (1, 2.0)


def test_drain_without_its_tables_says_what_to_run(postgres: Database, account: Account) -> None:
    """A purge that cannot remember its files deletes nothing."""
    world = World(postgres, account)
    key = moc(world.database)
    world.database.run("drop schema expiry cascade")

    with pytest.raises(MismatchError, match=r'no expiry.purge_outbox.*operation "setup"'):
        world.purge()
    assert world.mocs() == {key}


def test_drain_stops_in_time_and_says_so(world: World) -> None:
    """What there was no time for waits; nothing is half done."""
    world.put("mocs/a")
    world.enqueue("mocs/a")

    answer = world.purge(left_s=lambda: 1.0)

    assert (answer["complete"], ended(answer)) == (False, {})
    assert world.files() == {"mocs/a"}
