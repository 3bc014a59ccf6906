"""Which objects are orphans, and what is done before one goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import CapExceededError, StoreError
from tests.safety.drive import run
from tests.safety.phases import run_of, uploaded
from tests.safety.stage import Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from upload_cleanup.context import Living
from upload_cleanup.orphans import OrphanPhase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.safety.stage import Clients

SKEW_H = 60 / 3_600
MOMENT_H = 10 / 3_600
TAGGED = {"PROTECT_TAG": "keep"}


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """Return a stage where one session and its object show that the table is the right one."""
    stage = Stage(clients)
    uploaded(stage, "bystander")
    stage.put(key_of("bystander"))
    return stage


def orphans_of(stage: Stage, **arguments: Any) -> OrphanPhase:
    """Make the phase alone."""
    return OrphanPhase(run_of(stage, **arguments).context(), Living())


@pytest.mark.parametrize(
    ("age_h", "multipart", "there"),
    [
        (24 + SKEW_H - MOMENT_H, False, True),
        (24 + SKEW_H + MOMENT_H, False, False),
        (48 + SKEW_H - MOMENT_H, True, True),
        (48 + SKEW_H + MOMENT_H, True, False),
    ],
)
def test_orphan_goes_only_once_its_whole_grace_is_over(
    stage: Stage, age_h: float, *, multipart: bool, there: bool
) -> None:
    """
    The grace counts from the cutoff, and that of a multipart object from the longest upload on.
    """
    key = key_of("orphan")
    if multipart:
        stage.begin("orphan", key, parts=1, age_h=age_h)
        stage.complete("orphan", key)
    else:
        stage.put(key, age_h=age_h)

    run(stage)

    assert (key in stage.objects()) == there


@pytest.mark.parametrize(
    "key", ["uploads/x.mp4", "uploads/2026-01-05/a/b.mp4", "uploads/2026-1-5/x.mp4"]
)
def test_object_whose_key_names_no_session_is_kept_and_counted(stage: Stage, key: str) -> None:
    """
    What does not match the pattern could be anybody's.
    """
    stage.put(key)

    answer = run(stage)

    assert key in stage.objects()
    assert answer["unmatched"] == 1


def test_object_that_a_session_of_another_name_points_to_is_kept(stage: Stage) -> None:
    """
    Of two sessions with one key the one may be gone whose name it carries; the other lives.
    """
    uploaded(stage, "guest", key=key_of("owner"))
    stage.put(key_of("owner"))

    run(stage)

    assert key_of("owner") in stage.objects()


def test_sessions_are_read_after_the_listing_and_again_right_before_the_delete(
    stage: Stage,
) -> None:
    """
    Nothing lies between the second reading and the delete that rests on it.
    """
    stage.put(key_of("orphan"))
    wire = Wire()

    orphans_of(stage, wire=wire).run()

    assert [call.operation for call in wire.calls] == [
        "ListObjectsV2",  # the folders
        "ListObjectsV2",
        "BatchGetItem",
        "BatchGetItem",
        "DeleteObjects",
    ]


def test_orphan_whose_session_comes_before_the_second_reading_is_changed(stage: Stage) -> None:
    """
    Whoever creates the session between the two readings keeps the object.
    """
    stage.put(key_of("orphan"))
    reads = 0

    def create(call: Call) -> None:
        nonlocal reads
        reads += call.operation == "BatchGetItem"
        if reads == 2:
            uploaded(stage, "orphan")

    report = orphans_of(stage, wire=Wire(before=create)).run()

    assert key_of("orphan") in stage.objects()
    assert report.outcomes.as_dict()["changed"] == 1
    assert report.deleted == 0


def test_object_whose_session_cannot_be_read_is_no_candidate_and_is_told(stage: Stage) -> None:
    """
    A reading that fails keeps what it concerns, and is not held against the plan either.
    """
    stage.put(key_of("unread"))

    def unprocessed(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation != "BatchGetItem":
            return forward(**request)
        left = {key: dict(asked) for key, asked in request["RequestItems"].items()}
        keys = left[stage.name]["Keys"]
        unread = [key for key in keys if key["uploadSessionId"]["S"] == "unread"]
        asked = {stage.name: {**left[stage.name], "Keys": [k for k in keys if k not in unread]}}
        answer = forward(RequestItems=asked) if asked[stage.name]["Keys"] else {"Responses": {}}
        left[stage.name]["Keys"] = unread
        return {**answer, "UnprocessedKeys": left if unread else {}}

    report = orphans_of(stage, wire=Wire(disturb=unprocessed)).run()

    assert key_of("unread") in stage.objects()
    assert report.outcomes.total == 0
    assert report.problems.kept == [
        {"sessionId": stage.name, "error": "of 1 objects the session could not be read"}
    ]


def test_orphan_whose_second_reading_fails_stays_and_is_told(stage: Stage) -> None:
    """
    Unread is not absent, the second time neither.
    """
    stage.put(key_of("orphan"))
    reads = 0

    def unprocessed(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        nonlocal reads
        if call.operation != "BatchGetItem":
            return forward(**request)
        reads += 1
        if reads == 1:
            return forward(**request)
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    report = orphans_of(stage, wire=Wire(disturb=unprocessed)).run()

    assert key_of("orphan") in stage.objects()
    assert report.outcomes.as_dict()["failed"] == 1
    assert report.problems.kept == [
        {"sessionId": key_of("orphan"), "error": "the session could not be read"}
    ]


def test_deletes_name_the_etag_that_was_listed(stage: Stage) -> None:
    """
    No key goes without its ETag, and every call names the bucket's owner.
    """
    stage.put(key_of("orphan"))
    etag = stage.objects()[key_of("orphan")]
    wire = Wire()

    orphans_of(stage, wire=wire).run()

    (delete,) = [call for call in wire.calls if call.operation == "DeleteObjects"]
    assert delete.request["Delete"] == {
        "Objects": [{"Key": key_of("orphan"), "ETag": etag}],
        "Quiet": False,
    }
    owner = stage.clients.account.id
    assert all(
        call.request["ExpectedBucketOwner"] == owner
        for call in wire.calls
        if "Bucket" in call.request
    )


def test_orphan_with_the_protecting_tag_is_kept_and_not_held_against_the_plan(
    stage: Stage,
) -> None:
    """
    Any number may carry the tag: they are protected, and no reason to refuse the others.
    """
    for name in ("tagged-1", "tagged-2", "orphan"):
        stage.put(key_of(name))
    for name in ("tagged-1", "tagged-2"):
        stage.clients.s3.put_object_tagging(
            Bucket=stage.name,
            Key=key_of(name),
            Tagging={"TagSet": [{"Key": "keep", "Value": "yes"}]},
        )
    wire = Wire()

    report = orphans_of(stage, wire=wire, environment={**TAGGED, "MAX_DELETES_PER_RUN": "1"}).run()

    assert set(stage.objects()) == {key_of(name) for name in ("bystander", "tagged-1", "tagged-2")}
    assert report.outcomes.as_dict()["protected"] == 2
    assert wire.count()["GetObjectTagging"] == 3


def test_orphan_whose_tags_cannot_be_read_is_protected(stage: Stage) -> None:
    """
    A tag that was not read may be the one that protects.
    """
    stage.put(key_of("orphan"))

    def fail(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "GetObjectTagging":
            request = {**request, "ExpectedBucketOwner": "999999999999"}
        return forward(**request)

    report = orphans_of(stage, wire=Wire(disturb=fail), environment=TAGGED).run()

    assert key_of("orphan") in stage.objects()
    assert report.outcomes.as_dict()["protected"] == 1


@pytest.mark.parametrize(
    ("event", "environment"),
    [({"limit": 2}, {}), ({}, {"MAX_DELETES_PER_RUN": "2"})],
    ids=["limit", "cap"],
)
def test_plan_over_the_cap_is_refused_as_a_whole(
    stage: Stage, event: dict[str, Any], environment: Mapping[str, str]
) -> None:
    """
    Never the first N of a plan; the refusal says how many there are.
    """
    for number in range(3):
        stage.put(key_of(f"orphan-{number}"))

    report = orphans_of(stage, event=event, environment=environment).run()

    assert isinstance(report.refused, CapExceededError)
    assert (report.refused.planned, report.refused.cap) == (3, 2)
    assert len(stage.objects()) == 4
    assert report.cursor is None


def test_plan_over_what_the_sessions_left_of_the_run_waits_for_another(stage: Stage) -> None:
    """
    The cap is one for all phases, and a plan is never cut: it is left, and that is no refusal.
    """
    for number in range(3):
        stage.put(key_of(f"orphan-{number}"))
    context = run_of(stage, environment={"MAX_DELETES_PER_RUN": "4"}).context()
    context.allowance.take(2)

    report = OrphanPhase(context, Living()).run()
    again = OrphanPhase(run_of(stage).context(), Living(), report.cursor).run()

    assert report.refused is None
    assert report.outcomes.total == 0
    assert again.deleted == 3


def test_refused_plan_lets_the_other_phases_go_on(stage: Stage) -> None:
    """
    Sessions are decided by value; their phase has nothing to do with a wrong share of orphans.
    """
    stage.write([stage.session("expired")])
    stage.put(key_of("expired"))
    for number in range(3):
        stage.put(key_of(f"orphan-{number}"))

    with pytest.raises(CapExceededError, match="plan has 3 deletions, cap is 2"):
        run(stage, environment={"MAX_DELETES_PER_RUN": "2"})

    assert set(stage.rows()) == {"bystander"}
    assert key_of("expired") not in stage.objects()
    assert len(stage.objects()) == 4


def test_listing_that_fails_on_a_later_page_deletes_nothing(stage: Stage) -> None:
    """
    Where a page is missing, the plan is not complete.
    """
    stage.put(key_of("orphan"))

    def fail(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "ListObjectsV2" and "Delimiter" not in request:
            answer = forward(**{**request, "MaxKeys": 1})
            if "ContinuationToken" in request:
                return {**answer, "IsTruncated": True, "NextContinuationToken": None}
            return answer
        return forward(**request)

    with pytest.raises(StoreError):
        orphans_of(stage, wire=Wire(disturb=fail)).run()

    assert len(stage.objects()) == 2


def test_orphan_check_reads_a_hundred_sessions_a_call_over_pages_and_folders(
    stage: Stage,
) -> None:
    """
    Objects of one session share a reading, and a folder's end does not end a batch.
    """
    names = [f"s-{number:03}" for number in range(150)]
    uploaded(stage, *names)
    for number, name in enumerate(names):
        for extension in ("mp4", "jpg"):
            stage.put(f"uploads/2026-01-{number % 10 + 1:02}/{name}.{extension}")
    wire = Wire()

    report = orphans_of(stage, wire=wire).run()

    assert report.listed == 301
    assert wire.count()["BatchGetItem"] == 2  # 151 sessions
    assert wire.count()["ListObjectsV2"] <= 3  # the folders, and one page on each side of the start
