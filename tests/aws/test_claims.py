"""The claims about AWS that a safe delete rests on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws.conftest import Place

APART_S = 5
PART = b"x" * 5 * 1024 * 1024


def delete(s3: Any, place: Place, key: str, etag: str | None) -> dict[str, Any]:
    """Delete one object by DeleteObjects, with the ETag where there is one; return the answer."""
    named = {"Key": key} | ({"ETag": etag} if etag else {})
    answer: dict[str, Any] = s3.delete_objects(
        Bucket=place.name, Delete={"Objects": [named], "Quiet": False}
    )
    return answer


def codes(answer: dict[str, Any]) -> list[str]:
    """Return the codes of the keys that failed."""
    return [error["Code"] for error in answer.get("Errors", [])]


def is_denied(call: Callable[[], list[str]]) -> bool:
    """Say whether IAM refuses the call, as a whole or in each of its parts."""
    try:
        return call() == ["AccessDenied"]
    except ClientError as error:
        return "AccessDenied" in str(error)


def once_granted(call: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    """Call until IAM has heard of the role's policy."""
    for _ in range(30):
        try:
            if done(found := call()):
                return found
        except ClientError as error:
            if "AccessDenied" not in str(error):
                raise
        time.sleep(2)
    pytest.fail("the role's policy was never seen")


def test_delete_objects_etag_of_another_content_fails(place: Place) -> None:
    """An object that was overwritten is not deleted."""
    old = place.s3.put_object(Bucket=place.name, Key="uploads/a", Body=b"old")["ETag"]
    place.s3.put_object(Bucket=place.name, Key="uploads/a", Body=b"new")

    assert codes(delete(place.s3, place, "uploads/a", old)) == ["PreconditionFailed"]


def test_delete_objects_etag_of_a_missing_key_fails(place: Place) -> None:
    """A key that is gone is an error of its own, never a deletion."""
    answer = delete(place.s3, place, "uploads/none", '"d41d8cd98f00b204e9800998ecf8427e"')

    assert codes(answer) == ["NoSuchKey"]


def test_multipart_object_is_dated_by_its_beginning(place: Place) -> None:
    """LastModified of a multipart object is when the upload began."""
    began = place.s3.create_multipart_upload(Bucket=place.name, Key="uploads/m")
    named = {"Bucket": place.name, "Key": "uploads/m", "UploadId": began["UploadId"]}
    part = place.s3.upload_part(**named, PartNumber=1, Body=PART)
    time.sleep(APART_S)
    completed_s = time.time()
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    place.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

    (found,) = place.s3.list_objects_v2(Bucket=place.name, Prefix="uploads/m")["Contents"]
    assert found["LastModified"].timestamp() < completed_s - 1


def test_role_without_an_etag_is_denied_by_iam(place: Place) -> None:
    """`s3:if-match` in the role's policy refuses a blind delete, and lets a conditional one go."""
    s3 = place.as_role("s3")
    etag = place.s3.put_object(Bucket=place.name, Key="uploads/r", Body=b"r")["ETag"]
    stale = '"00000000000000000000000000000000"'
    once_granted(
        lambda: codes(delete(s3, place, "uploads/r", stale)),
        lambda found: found == ["PreconditionFailed"],
    )

    assert is_denied(lambda: codes(delete(s3, place, "uploads/r", None)))
    assert codes(delete(s3, place, "uploads/r", etag)) == []


def statement(place: Place, verb: str, key: str, **more: Any) -> dict[str, Any]:
    """Return the answer to one conditional statement in a batch."""
    request = {"Statement": verb, "Parameters": [{"S": key}], **more}
    answer: dict[str, Any] = place.dynamodb.batch_execute_statement(Statements=[request])
    (found,) = answer["Responses"]
    return dict(found)


def test_partiql_batch_returns_what_it_deleted(place: Place) -> None:
    """RETURNING ALL OLD in a batch tells a deleted row from one that was gone."""
    place.dynamodb.put_item(TableName=place.name, Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    text = f'DELETE FROM "{place.name}" WHERE pk=? AND n < 5 RETURNING ALL OLD *'  # noqa: S608

    assert statement(place, text, "a")["Item"]["n"] == {"N": "1"}
    assert "Item" not in statement(place, text, "a")


def test_partiql_batch_failed_condition_returns_the_row(place: Place) -> None:
    """The loser learns from the failed write itself who has won."""
    place.dynamodb.put_item(TableName=place.name, Item={"pk": {"S": "b"}, "n": {"N": "9"}})
    text = f'DELETE FROM "{place.name}" WHERE pk=? AND n < 5'  # noqa: S608

    found = statement(place, text, "b", ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert found["Error"]["Code"] == "ConditionalCheckFailed"
    assert found["Error"]["Item"]["n"] == {"N": "9"}


def test_role_pinned_to_a_partition_cannot_leave_it(place: Place) -> None:
    """`dynamodb:LeadingKeys` holds for PartiQL statements in a batch too."""
    dynamodb = place.as_role("dynamodb")
    text = f'DELETE FROM "{place.name}" WHERE pk=? AND n < 5'  # noqa: S608

    def batch(key: str) -> list[str]:
        request = {"Statement": text, "Parameters": [{"S": key}]}
        answers = dynamodb.batch_execute_statement(Statements=[request])["Responses"]
        return [answer["Error"]["Code"] for answer in answers if "Error" in answer]

    once_granted(lambda: batch("pinned"), lambda found: "AccessDenied" not in found)
    place.dynamodb.put_item(TableName=place.name, Item={"pk": {"S": "free"}, "n": {"N": "1"}})
    assert is_denied(lambda: batch("free"))
    assert "Item" in place.dynamodb.get_item(TableName=place.name, Key={"pk": {"S": "free"}})
