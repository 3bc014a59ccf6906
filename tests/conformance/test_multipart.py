"""
Uploads under way in a real bucket: what they hold, and that an abort leaves nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from expiry.outcomes import Outcome
from tests.conformance.buckets import Store

if TYPE_CHECKING:
    from expiry.multipart import Upload
    from tests.cloud import Account

pytestmark = pytest.mark.conformance

KEYS = ("u/a b", "u/a+b", "u/a%20b", "u/line\nfeed", "u/trailing..", "u/" + "é" * 511)
HOUR_S = 3_600


@pytest.fixture
def store(account: Account) -> Store:
    """Make a bucket."""
    return Store.make(account)


def uploads_in(store: Store) -> list[Upload]:
    """Return the uploads under the prefix."""
    return [upload for page in store.uploads().list("u/") for upload in page]


@pytest.mark.parametrize("key", KEYS)
def test_abort_odd_key_ends_that_upload_and_no_other(store: Store, key: str) -> None:
    """However a key is encoded on its way, the others go on uploading."""
    begun = {each: store.begin(each, b"part") for each in KEYS}
    other = store.begin("other/k")
    results = [store.uploads().abort_until_empty(key, begun[key]) for _ in range(2)]

    assert [result.outcome for result in results] == [Outcome.DELETED, Outcome.GONE]
    left = {upload.key: upload.upload_id for upload in uploads_in(store)}
    assert left == {each: begun[each] for each in KEYS if each != key}
    assert store.uploads().parts("other/k", other) is not None


def test_uploads_of_one_key_are_all_listed_with_when_they_began(store: Store) -> None:
    """More than a page holds, most of them of the same key: by key and upload id."""
    old = store.begin("u/k", b"part")
    begun = {old, *(store.begin("u/k") for _ in range(1_009))}
    store.account.age_object(store.name, "u/k", hours=30, upload_id=old)
    found = uploads_in(store)

    assert len(found) == len(begun)
    assert {upload.upload_id for upload in found} == begun
    (aged,) = [upload for upload in found if time.time() - upload.initiated_s > HOUR_S]
    assert aged.upload_id == old
    assert store.calls("ListMultipartUploads") == 2


def test_parts_tell_bytes_and_the_newest(store: Store) -> None:
    """What is paid for, and whether somebody is still uploading."""
    upload_id = store.begin("u/k", b"12345", b"123")
    store.account.age_object(store.name, "u/k", hours=30, upload_id=upload_id)
    store.client.upload_part(
        Bucket=store.name, Key="u/k", UploadId=upload_id, PartNumber=3, Body=b"1"
    )
    parts = store.uploads().parts("u/k", upload_id)
    empty = store.uploads().parts("u/k", store.begin("u/k"))

    assert parts is not None
    assert (parts.count, parts.size_bytes) == (3, 9)
    assert parts.newest_s is not None
    assert time.time() - parts.newest_s < HOUR_S
    assert empty is not None
    assert (empty.count, empty.newest_s) == (0, None)


def test_completed_upload_is_gone_and_its_object_stays(store: Store) -> None:
    """NoSuchUpload does not say which it was: the object does."""
    upload_id = store.begin("u/k", b"part")
    store.complete("u/k", upload_id)

    assert store.uploads().parts("u/k", upload_id) is None
    assert store.uploads().abort_until_empty("u/k", upload_id).outcome is Outcome.GONE
    assert store.keys() == {"u/k"}


def test_abort_with_another_key_ends_nothing(store: Store) -> None:
    """An upload belongs to its key: a row that names both wrongly does no harm."""
    upload_id = store.begin("u/k", b"part")

    assert store.uploads().abort_until_empty("u/other", upload_id).outcome is Outcome.GONE
    assert [upload.upload_id for upload in uploads_in(store)] == [upload_id]
