"""What TTL removes is cleaned up after within seconds; what is in doubt is left to the schedule."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError, StoreError
from tests.safety.phases import Audit, run_of, uploaded
from tests.safety.stage import ID, Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from tests.safety.world import claimed
from upload_cleanup.stream import StreamReport, StreamRun, is_stream_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients, Item

BY_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
DEAD = key_of("dead")
MULTIPART = {"uploadType": "multipart"}


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """Return a stage on which nothing is."""
    return Stage(clients)


def record(image: Item | None, *, number: str = "1", **changed: Any) -> dict[str, Any]:
    """Make the record of a removal by TTL, as Lambda hands it over."""
    change: dict[str, Any] = {"SequenceNumber": number, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    if image is not None:
        change |= {"OldImage": image, "Keys": {ID: image[ID]}}
    return {
        "eventSource": "aws:dynamodb",
        "eventName": "REMOVE",
        "userIdentity": BY_TTL,
        "dynamodb": change,
        **changed,
    }


def clean(
    stage: Stage, *records: dict[str, Any], wire: Wire | None = None, **arguments: Any
) -> StreamReport:
    """Hand records over."""
    return StreamRun(run_of(stage, wire, **arguments).context()).clean(records)


def test_single_uploads_object_goes_with_its_etag(stage: Stage) -> None:
    """
    The row is gone, the object is settled, nobody has taken the name up again.
    """
    stage.put(DEAD)
    etag = stage.objects()[DEAD]
    wire = Wire()

    report = clean(stage, record(stage.session("dead")), wire=wire)

    (delete,) = [call for call in wire.calls if call.operation == "DeleteObjects"]
    assert delete.request["Delete"]["Objects"] == [{"Key": DEAD, "ETag": etag}]
    assert stage.objects() == {}
    assert (report.deleted, report.freed_bytes) == (1, len(DEAD))
    assert report.answer == {"batchItemFailures": []}


def test_multipart_upload_is_aborted(stage: Stage) -> None:
    """
    Its parts go, of which no listing of objects would ever tell.
    """
    upload_id = stage.begin("dead", DEAD, parts=2)

    report = clean(stage, record(stage.session("dead", **MULTIPART, s3UploadId=upload_id)))

    assert stage.open_uploads() == set()
    assert report.aborted == 1
    assert report.outcomes.as_dict()["deleted"] == 1


def completed(stage: Stage) -> Item:
    """Put an object that was assembled, at a time that nobody knows."""
    upload_id = stage.begin("dead", DEAD, parts=1)
    stage.complete("dead", DEAD)
    return stage.session("dead", **MULTIPART, s3UploadId=upload_id)


def fresh(stage: Stage) -> Item:
    """Put an object younger than the time it takes to settle."""
    stage.put(DEAD, age_h=0.2)
    return stage.session("dead")


def assembled_by_another(stage: Stage) -> Item:
    """Put an object of an upload that the row does not name."""
    completed(stage)
    return stage.session("dead")


def of_an_upload_that_is_not_there(stage: Stage) -> Item:
    """Put an object that shows no parts, copied over itself since, say, of an upload that ended."""
    stage.put(DEAD)
    return stage.session("dead", **MULTIPART, s3UploadId="completed")


@pytest.mark.parametrize(
    "case", [completed, fresh, assembled_by_another, of_an_upload_that_is_not_there]
)
def test_object_that_may_be_younger_than_it_looks_is_left_to_the_schedule(
    stage: Stage, case: Callable[[Stage], Item]
) -> None:
    """
    Completed when, nobody can say; the orphan pass has the grace for it.
    """
    image = case(stage)

    report = clean(stage, record(image))

    assert set(stage.objects()) == {DEAD}
    assert report.outcomes.as_dict()["protected"] == 1
    assert report.answer == {"batchItemFailures": []}


def test_object_is_settled_by_the_time_of_the_removal_not_by_that_of_the_record(
    stage: Stage,
) -> None:
    """
    A record that comes hours late proves nothing about what was put there meanwhile.
    """
    stage.put(DEAD, age_h=2)
    late = record(stage.session("dead", ttl=stage.at(-3)))
    late["dynamodb"]["ApproximateCreationDateTime"] = float(stage.at(-2))

    clean(stage, late)

    assert set(stage.objects()) == {DEAD}


@pytest.mark.parametrize(
    "changed",
    [
        {"eventName": "MODIFY"},
        {"eventName": "INSERT"},
        {"userIdentity": None},
        {"userIdentity": {"type": "Service", "principalId": "replication.dynamodb.amazonaws.com"}},
        {"userIdentity": {"type": "User", "principalId": "dynamodb.amazonaws.com"}},
    ],
)
def test_record_that_is_no_removal_by_ttl_is_ignored(stage: Stage, changed: dict[str, Any]) -> None:
    """
    An application's own delete is its own business; the filter is not relied upon.
    """
    stage.put(DEAD)
    wire = Wire()

    report = clean(stage, record(stage.session("dead"), **changed), wire=wire)

    assert wire.calls == []
    assert report.ignored == {"not a removal by TTL": 1}


def young_claim(stage: Stage) -> Item:
    """Return a row that a run has just claimed."""
    row = {name.removesuffix("_h"): value for name, value in claimed(0).items()}
    return stage.session("dead", **{**row, "expiryClaimedAt": stage.at(-0.1)})


KEPT: dict[str, Callable[[Stage], Item]] = {
    "claimed": young_claim,
    "uploaded": lambda stage: stage.session("dead", status="uploaded"),
    "living": lambda stage: stage.session("dead", ttl=stage.at(1), createdAt=stage.iso(0)),
    "outside": lambda stage: stage.session("dead", key="elsewhere/dead.mp4"),
    "unreadable": lambda stage: stage.session("dead", ttl="1000"),
    "its key is another session's, or nobody's": lambda stage: stage.session(
        "dead", key=key_of("owner")
    ),
}


@pytest.mark.parametrize("why", KEPT)
def test_row_that_is_not_surely_dead_and_alone_is_left(stage: Stage, why: str) -> None:
    """
    A run is at work on it, or it is alive, somebody else's, or not understood: nothing is called.
    """
    for key in (DEAD, key_of("owner"), "elsewhere/dead.mp4"):
        stage.put(key)
    wire = Wire()

    report = clean(stage, record(KEPT[why](stage)), wire=wire)

    assert report.ignored == {why: 1}
    assert wire.calls == []


def test_record_without_old_image_is_ignored(stage: Stage) -> None:
    """
    Keys alone do not say what there is to clean up.
    """
    assert clean(stage, record(None)).ignored == {"no old image": 1}


def test_row_whose_claim_is_of_a_run_that_ended_is_cleaned(stage: Stage) -> None:
    """
    Nobody is at work on it any more, and no run will find the row again.
    """
    stage.put(DEAD)
    row = {**claimed(0), "expiryClaimedAt": stage.at(-1)}
    row.pop("expiryClaimedAt_h")

    clean(stage, record(stage.session("dead", **row)))

    assert stage.objects() == {}


def test_session_that_is_there_again_keeps_upload_and_object(stage: Stage) -> None:
    """
    Somebody has written the row anew: nothing of it is touched.
    """
    stage.put(DEAD)
    upload_id = stage.begin("dead", DEAD, parts=1)
    image = stage.session("dead", **MULTIPART, s3UploadId=upload_id)
    uploaded(stage, "dead")

    report = clean(stage, record(image))

    assert stage.open_uploads() == {"dead"}
    assert set(stage.objects()) == {DEAD}
    assert report.outcomes.as_dict()["changed"] == 1


def test_session_that_comes_right_before_the_delete_keeps_its_object(stage: Stage) -> None:
    """
    The row is looked for once more after everything else.
    """
    stage.put(DEAD)
    reads = 0

    def create(call: Call) -> None:
        nonlocal reads
        reads += call.operation == "BatchGetItem"
        if reads == 2:
            uploaded(stage, "dead")

    report = clean(stage, record(stage.session("dead")), wire=Wire(before=create))

    assert set(stage.objects()) == {DEAD}
    assert report.outcomes.as_dict()["changed"] == 1


def test_object_overwritten_after_it_was_found_stays(stage: Stage) -> None:
    """
    The ETag decides.
    """
    stage.put(DEAD)

    def overwrite(call: Call) -> None:
        if call.operation == "DeleteObjects":
            stage.put(DEAD, body=b"new")

    report = clean(stage, record(stage.session("dead")), wire=Wire(before=overwrite))

    assert set(stage.objects()) == {DEAD}
    assert report.outcomes.as_dict()["changed"] == 1


def test_object_with_the_protecting_tag_stays(stage: Stage) -> None:
    """
    The tag holds whatever has become of the session.
    """
    stage.put(DEAD)
    stage.clients.s3.put_object_tagging(
        Bucket=stage.name, Key=DEAD, Tagging={"TagSet": [{"Key": "keep", "Value": ""}]}
    )

    report = clean(stage, record(stage.session("dead")), environment={"PROTECT_TAG": "keep"})

    assert set(stage.objects()) == {DEAD}
    assert report.outcomes.as_dict()["protected"] == 1


def failing(operation: str, key: str) -> Callable[[Call, Forward, dict[str, Any]], Any]:
    """Refuse an operation on one key."""

    def disturb(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        named = request.get("Key") or request.get("Prefix")
        if call.operation == operation and named == key:
            request = {**request, "ExpectedBucketOwner": "999999999999"}
        return forward(**request)

    return disturb


@pytest.mark.parametrize("operation", ["AbortMultipartUpload", "ListObjectsV2"])
def test_record_that_fails_comes_again_alone(stage: Stage, operation: str) -> None:
    """
    One that cannot be done does not stop the others, and only it is asked for again.
    """
    records = []
    for number, name in enumerate(("good-1", "bad", "good-2")):
        upload_id = stage.begin(name, key_of(name), parts=1)
        image = stage.session(name, **MULTIPART, s3UploadId=upload_id)
        records.append(record(image, number=f"10{number}"))
    wire = Wire(disturb=failing(operation, key_of("bad")))

    report = clean(stage, *records, wire=wire)
    again = clean(stage, records[1])

    assert report.answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert again.answer == {"batchItemFailures": []}
    assert stage.open_uploads() == set()


def test_session_that_cannot_be_read_fails_and_loses_nothing(stage: Stage) -> None:
    """
    Unread is not absent.
    """
    stage.put(DEAD)

    def unprocessed(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "BatchGetItem":
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return forward(**request)

    report = clean(stage, record(stage.session("dead")), wire=Wire(disturb=unprocessed))

    assert set(stage.objects()) == {DEAD}
    assert report.failed == ["1"]


def test_record_for_which_no_time_is_left_comes_again(stage: Stage) -> None:
    """
    What was not tried is not done.
    """
    stage.put(DEAD)

    report = clean(stage, record(stage.session("dead")), remaining_ms=lambda: 0)

    assert set(stage.objects()) == {DEAD}
    assert report.failed == ["1"]


def test_record_whose_object_was_not_looked_for_in_time_comes_again(stage: Stage) -> None:
    """
    That nobody found an object is no proof that there is none.
    """
    stage.put(DEAD)
    hanging, over = threading.Event(), threading.Event()

    def hang(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "ListObjectsV2":
            hanging.set()
            over.wait(30)
        return forward(**request)

    report = clean(
        stage,
        record(stage.session("dead")),
        wire=Wire(disturb=hang),
        remaining_ms=lambda: 0 if hanging.is_set() else 3_000,
    )
    failed = list(report.failed)
    over.set()

    assert failed == ["1"]
    assert set(stage.objects()) == {DEAD}


def test_record_handed_over_twice_does_nothing_more(stage: Stage) -> None:
    """
    Streams deliver at least once.
    """
    stage.put(DEAD)
    again = record(stage.session("dead"))

    clean(stage, again)
    report = clean(stage, again, again)

    assert report.answer == {"batchItemFailures": []}
    assert report.deleted == 0


def test_batch_reads_its_sessions_together(stage: Stage) -> None:
    """
    One reading before, one right before the delete, one delete.
    """
    names = [f"dead-{number}" for number in range(20)]
    for name in names:
        stage.put(key_of(name))
    wire = Wire()

    clean(stage, *(record(stage.session(name)) for name in names), wire=wire)

    assert stage.objects() == {}
    assert (wire.count()["BatchGetItem"], wire.count()["DeleteObjects"]) == (2, 1)


def test_plan_is_there_before_the_object_goes(stage: Stage, clients: Clients) -> None:
    """
    Stream mode can be restored like any run; without its plan nothing goes.
    """
    audit = Audit(Stage(clients))
    stage.put(DEAD)

    def refuse(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "PutObject":
            request = {**request, "ExpectedBucketOwner": "999999999999"}
        return forward(**request)

    image = record(stage.session("dead"))
    refused = clean(stage, image, wire=Wire(disturb=refuse), environment=audit.environment)
    there = DEAD in stage.objects()
    clean(stage, image, environment=audit.environment)

    assert (refused.failed, there) == (["1"], True)
    assert [line["key"] for line in audit.lines("plans/run_id=run-1/")] == [DEAD]
    assert stage.objects() == {}


def test_dry_run_only_says_what_would_go(stage: Stage) -> None:
    """
    The function's DRY_RUN holds for the stream, too.
    """
    stage.put(DEAD)
    wire = Wire()

    report = clean(stage, record(stage.session("dead")), wire=wire, environment={"DRY_RUN": "true"})

    assert wire.writes() == []
    assert report.outcomes.as_dict()["would_delete"] == 1


def test_record_without_number_is_refused(stage: Stage) -> None:
    """
    It could not be asked for again.
    """
    with pytest.raises(EventError, match="SequenceNumber"):
        clean(stage, record(stage.session("dead"), number=""))


def test_table_that_may_not_be_read_fails_the_whole_batch(stage: Stage) -> None:
    """
    Nothing can be told apart, so Lambda brings everything again.
    """
    stage.put(DEAD)
    image = record(stage.session("dead"))
    stage.tear_down()

    with pytest.raises(StoreError):
        clean(stage, image)

    assert set(stage.objects()) == {DEAD}


def test_record_of_the_store_itself_is_understood(stage: Stage) -> None:
    """
    A sweep's own record, as the stream brings it, cleans up after its session; the application's
    delete of another session does not.
    """
    dynamodb, account = stage.clients.dynamodb, stage.clients.account
    dynamodb.update_table(
        TableName=stage.name,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.update_time_to_live(
        TableName=stage.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"},
    )
    stage.write([stage.session("dead"), stage.session("own", ttl=stage.at(5))])
    for name in ("dead", "own"):
        stage.put(key_of(name))
    dynamodb.delete_item(TableName=stage.name, Key={ID: {"S": "own"}})
    account.sweep_ttl(stage.now_s)

    clean(stage, *stream_of(stage))

    assert stage.rows() == {}
    assert set(stage.objects()) == {key_of("own")}


def stream_of(stage: Stage) -> list[dict[str, Any]]:
    """Return all records of the table's stream."""
    client = stage.clients.account.client("dynamodbstreams")
    arn = stage.clients.dynamodb.describe_table(TableName=stage.name)["Table"]["LatestStreamArn"]
    records: list[dict[str, Any]] = []
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += client.get_records(ShardIterator=iterator)["Records"]
    for each in records:  # Lambda writes the time as a number
        each["dynamodb"].pop("ApproximateCreationDateTime", None)
    return records


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"Records": [record(None)]}, True),
        ({"Records": [{"eventSource": "aws:sqs"}]}, False),
        ({"dryRun": True}, False),
        ([], False),
    ],
)
def test_stream_event_is_told_from_others(event: Any, *, expected: bool) -> None:
    """
    One function takes both; what is neither is refused as an unknown event.
    """
    assert is_stream_event(event) is expected
