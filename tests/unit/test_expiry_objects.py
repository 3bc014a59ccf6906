"""
Objects: listed page by page, deleted only by what they were when they were listed.
"""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest

from expiry.errors import DeniedError
from expiry.objects import NO_TIME, Listed, ObjectCandidate, Objects, Results
from expiry.outcomes import Outcome
from tests.unit.scripted_bucket import (
    ENDLESS,
    Clock,
    ScriptedS3,
    bucket_of,
    moment,
    refusal,
)

DONE, GONE, CHANGED, FAILED = Outcome.DELETED, Outcome.GONE, Outcome.CHANGED, Outcome.FAILED


def objects_of(client: ScriptedS3, clock: Clock | None = None, seconds: float = 60) -> Objects:
    """Return the objects of a bucket; only sleeping takes time."""
    clock = clock or Clock()
    return Objects(bucket_of(client, clock), clock.budget(seconds))


def item(key: str, etag: str = '"e"', size: int = 1) -> dict[str, Any]:
    """Return an object as a listing has it."""
    return {"Key": key, "ETag": etag, "LastModified": moment(1_000), "Size": size}


def candidates(*keys: str) -> list[ObjectCandidate]:
    """Return a candidate each; the ETag tells them apart."""
    return [ObjectCandidate(key, f'"{key}"', 0, 1, "orphaned") for key in keys]


def deleted(request: dict[str, Any]) -> dict[str, Any]:
    """Answer that all were deleted."""
    return {"Deleted": [{"Key": each["Key"]} for each in request["Delete"]["Objects"]]}


def errors(**codes: str) -> dict[str, Any]:
    """Answer that some were not."""
    found = [{"Key": key, "Code": code, "Message": "no"} for key, code in codes.items()]
    return {"Errors": found}


def ends(results: Results) -> list[tuple[str, Outcome]]:
    """Return keys and outcomes."""
    return [(result.victim.key, result.outcome) for result in results]


def sent(client: ScriptedS3) -> list[list[str]]:
    """Return the keys of each call that deletes several."""
    calls = client.requests("delete_objects")
    return [[each["Key"] for each in call["Delete"]["Objects"]] for call in calls]


# Listing


def test_list_goes_on_behind_an_empty_page() -> None:
    """Only the answer says which page is the last; an empty one may lie in between."""
    more = {"IsTruncated": True}
    client = ScriptedS3(
        list_objects_v2=[
            {"Contents": [item("p/a")], **more, "NextContinuationToken": "1"},
            {**more, "NextContinuationToken": "2"},
            {"Contents": [item("p/b", '"x-2"', 7)]},
        ]
    )
    pages = list(objects_of(client).list("p/", start_after="p/0"))

    assert pages == [[Listed("p/a", '"e"', 1_000, 1)], [], [Listed("p/b", '"x-2"', 1_000, 7)]]
    assert [listed.multipart for page in pages for listed in page] == [False, True]
    requests = client.requests("list_objects_v2")
    assert [each.get("ContinuationToken") for each in requests] == [None, "1", "2"]
    assert all((each["Prefix"], each["StartAfter"]) == ("p/", "p/0") for each in requests)
    assert all("Delimiter" not in each for each in requests)


def test_list_holds_no_page_but_the_one_in_hand() -> None:
    """Memory is bound by a page, however long the listing."""

    def page(number: int) -> dict[str, Any]:
        found = [item(f"p/{number}-{n}") for n in range(100)]
        return {"Contents": found, "IsTruncated": True, "NextContinuationToken": str(number)}

    made = iter(range(20))
    client = ScriptedS3(list_objects_v2=[lambda _: page(next(made))] * 20)
    pages = objects_of(client).list("p/")
    alive = []
    for _ in range(20):
        next(pages)
        alive.append(sum(isinstance(each, Listed) for each in gc.get_objects()))

    assert max(alive) <= 200


def test_prefixes_come_from_all_pages() -> None:
    """More than a thousand dates are as complete as three."""
    client = ScriptedS3(
        list_objects_v2=[
            {
                "CommonPrefixes": [{"Prefix": "p/1/"}],
                "IsTruncated": True,
                "NextContinuationToken": "1",
            },
            {"CommonPrefixes": [{"Prefix": "p/2/"}]},
        ]
    )

    assert objects_of(client).prefixes("p/") == ["p/1/", "p/2/"]
    assert [each["Delimiter"] for each in client.requests("list_objects_v2")] == ["/", "/"]


def test_find_takes_no_longer_key_for_the_object() -> None:
    """A neighbour that only begins alike is not it."""
    client = ScriptedS3(list_objects_v2=[{"Contents": [item("a.mp4.part")]}])

    assert objects_of(client).find("a.mp4") is None
    assert client.requests("list_objects_v2")[0]["MaxKeys"] == 1


def test_has_tag_by_its_key_and_where_tags_cannot_be_read() -> None:
    """What may be protected is."""
    tags = {"TagSet": [{"Key": "keep", "Value": ""}]}
    client = ScriptedS3(get_object_tagging=[tags, tags, refusal("AccessDenied")])
    objects = objects_of(client)

    assert [objects.has_tag("a", tag) for tag in ("keep", "other", "other")] == [True, False, True]


# Deleting


@pytest.mark.parametrize("etag", ["", "*", '""', "abc", '"abc', 'abc"'])
def test_candidate_without_a_real_etag_is_refused(etag: str) -> None:
    """Nothing, or ``*``, would match whatever lies there by then."""
    with pytest.raises(ValueError, match="no quoted ETag"):
        ObjectCandidate("a", etag, 0, 1, "orphaned")


def test_candidate_of_a_listing_keeps_what_was_seen() -> None:
    """The condition is the ETag of the listing, and the log can say why."""
    made = ObjectCandidate.of(Listed("a", '"e"', 5, 7), "orphaned", session="s")

    assert made == ObjectCandidate("a", '"e"', 5, 7, "orphaned", {"session": "s"})


def test_delete_2500_objects_takes_three_calls_each_key_with_its_etag() -> None:
    """A thousand a call, never one without its condition, never quiet."""
    client = ScriptedS3(delete_objects=[deleted] * 3)
    keys = [f"k{number}" for number in range(2_500)]
    results = objects_of(client).delete(candidates(*keys))

    assert ends(results) == [(key, DONE) for key in keys]
    assert [len(batch) for batch in sent(client)] == [1_000, 1_000, 500]
    calls = client.requests("delete_objects")
    assert not any(call["Delete"]["Quiet"] for call in calls)
    named = {each["Key"]: each["ETag"] for call in calls for each in call["Delete"]["Objects"]}
    assert named == {key: f'"{key}"' for key in keys}


def test_delete_every_candidate_ends_as_the_answer_says() -> None:
    """One outcome each, from the service's words; what it does not mention is failed."""
    answer = {"Deleted": [{"Key": "a", "DeleteMarkerVersionId": "m"}, {"Key": "stranger"}]}
    codes = errors(b="NoSuchKey", c="PreconditionFailed", d="AccessDenied", stranger="NoSuchKey")
    client = ScriptedS3(delete_objects=[answer | codes])
    results = objects_of(client).delete(candidates("a", "b", "c", "d", "e"))

    assert ends(results) == [("a", DONE), ("b", GONE), ("c", CHANGED), ("d", FAILED), ("e", FAILED)]
    details = [result.detail for result in results]
    assert (details[0], details[3]) == ("m", "AccessDenied: no")
    assert "does not mention" in details[4]


@pytest.mark.parametrize(
    "code", ["SlowDown", "InternalError", "ServiceUnavailable", "ConditionalRequestConflict"]
)
def test_delete_only_what_was_not_done_is_sent_again(code: str) -> None:
    """The SDK sees HTTP 200 and does not retry: this does, with the same condition."""
    first = {"Deleted": [{"Key": "a"}]} | errors(b=code, c="AccessDenied", d=code)
    client = ScriptedS3(delete_objects=[first, errors(b=code, d="NoSuchKey"), deleted])
    clock = Clock()
    results = objects_of(client, clock).delete(candidates("a", "b", "c", "d"))

    assert ends(results) == [("a", DONE), ("b", DONE), ("c", FAILED), ("d", GONE)]
    assert sent(client) == [["a", "b", "c", "d"], ["b", "d"], ["b"]]
    again = client.requests("delete_objects")[2]["Delete"]["Objects"]
    assert again == [{"Key": "b", "ETag": '"b"'}]
    assert len(clock.slept_s) == 2


def test_delete_gives_up_after_its_tries() -> None:
    """A bucket that stays overloaded fails these keys, and no others."""
    client = ScriptedS3(delete_objects=[errors(a="SlowDown")] * 5 + [deleted])
    results = objects_of(client).delete(candidates("a"))

    assert ends(results) == [("a", FAILED)]
    assert results[0].detail == "SlowDown: no"
    assert len(client.calls) == 5


def test_delete_does_not_wait_where_the_time_would_run_out() -> None:
    """A retry that could not end in time is not begun."""
    client = ScriptedS3(delete_objects=[errors(a="SlowDown")] * 2)
    clock = Clock()
    results = objects_of(client, clock, seconds=3.2).delete(candidates("a"))

    assert ends(results) == [("a", FAILED)]
    assert clock.slept_s == [0.5]


def test_delete_without_time_tries_nothing_and_says_so() -> None:
    """A batch that Lambda might cut off is not begun; its candidates still end."""
    client = ScriptedS3()
    results = objects_of(client, seconds=1).delete(candidates("a", "b\x01"))

    assert [(result.outcome, result.detail) for result in results] == [(FAILED, NO_TIME)] * 2


def test_delete_refused_as_a_whole_raises_before_anything_was_deleted() -> None:
    """A wrong owner or a missing right is the run's failure, not each object's."""
    client = ScriptedS3(delete_objects=[refusal("AccessDenied", status=403)])

    with pytest.raises(DeniedError, match="s3:DeleteObject"):
        objects_of(client).delete(candidates("a"))


def test_delete_refused_later_keeps_what_was_said_before() -> None:
    """An error never swallows results: the keys of that call fail, the others stand."""
    client = ScriptedS3(delete_objects=[deleted, refusal("AccessDenied", status=403)])
    keys = [f"k{number}" for number in range(1_001)]
    results = objects_of(client).delete(candidates(*keys))

    assert Counter(result.outcome for result in results) == {DONE: 1_000, FAILED: 1}
    assert "s3:DeleteObject" in results[-1].detail


def test_delete_refused_on_a_retry_keeps_the_first_answer() -> None:
    """What the first answer said stands; what it left open has failed."""
    first = {"Deleted": [{"Key": "a"}]} | errors(b="SlowDown")
    client = ScriptedS3(delete_objects=[first, refusal("AccessDenied", status=403)])

    assert ends(objects_of(client).delete(candidates("a", "b"))) == [("a", DONE), ("b", FAILED)]


@pytest.mark.parametrize(
    "error",
    [refusal("SlowDown", status=503), refusal("InternalError", status=500)],
)
def test_delete_load_and_server_errors_fail_a_batch_and_go_on(error: Exception) -> None:
    """Whether it was done is not known: these candidates fail, and the next batch has its turn."""
    client = ScriptedS3(delete_objects=[error, deleted])
    keys = [f"k{number}" for number in range(1_001)]
    results = objects_of(client).delete(candidates(*keys))

    assert Counter(result.outcome for result in results) == {FAILED: 1_000, DONE: 1}


def test_delete_same_key_twice_goes_in_two_calls() -> None:
    """Answers are told apart by key alone; each candidate still ends once."""
    client = ScriptedS3(delete_objects=[deleted, errors(a="NoSuchKey")])
    results = objects_of(client).delete(candidates("a", "b", "a"))

    assert ends(results) == [("a", DONE), ("b", DONE), ("a", GONE)]
    assert sent(client) == [["a", "b"], ["a"]]


def test_delete_keys_that_xml_cannot_carry_go_alone_on_the_same_condition() -> None:
    """One such key would make the whole batch malformed."""
    answers: list[Any] = [
        {"VersionId": "m", "DeleteMarker": True},
        refusal("PreconditionFailed", status=412),
        refusal("NoSuchKey", status=404),
        refusal("AccessDenied", status=403),
        {},
    ]
    client = ScriptedS3(delete_objects=[deleted], delete_object=answers)
    odd = [f"{number}\x01" for number in range(5)]
    results = objects_of(client).delete(candidates(*odd[:2], "plain", *odd[2:]))

    outcomes = [DONE, CHANGED, GONE, FAILED, DONE]
    assert ends(results) == [("plain", DONE), *zip(odd, outcomes, strict=True)]
    assert results[1].detail == "m"
    conditions = {each["Key"]: each["IfMatch"] for each in client.requests("delete_object")}
    assert conditions == {key: f'"{key}"' for key in odd}


def test_delete_alone_is_judged_by_the_status_where_the_error_cannot_be_read() -> None:
    """An error that names such a key is itself no XML: boto3 then gives the status as the code."""
    statuses = (412, 404, 403, 503)
    answers: list[Any] = [refusal(str(status), status=status) for status in statuses]
    client = ScriptedS3(delete_object=[*answers, {}])
    odd = [f"{number}\x01" for number in range(4)]
    results = objects_of(client).delete(candidates(*odd))

    assert ends(results) == list(zip(odd, (CHANGED, GONE, FAILED, DONE), strict=True))
    assert len(client.calls) == 5


def test_delete_nothing_calls_nobody() -> None:
    """An empty plan costs no call."""
    client = ScriptedS3()

    assert Objects(bucket_of(client), ENDLESS).delete([]) == []
    assert client.calls == []
