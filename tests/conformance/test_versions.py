"""
Markers in a real versioned bucket: ours is found with what it hides, and taken away alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expiry.outcomes import Outcome
from tests.conformance.buckets import Store

if TYPE_CHECKING:
    from tests.cloud import Account

pytestmark = pytest.mark.conformance

KEYS = ("u/k", "u/a b+%41", "u/\x01", "u/é..")


@pytest.fixture
def store(account: Account) -> Store:
    """Make a versioned bucket."""
    return Store.make(account, versioned=True)


@pytest.mark.parametrize("key", KEYS)
def test_marker_taken_away_brings_the_object_back(store: Store, key: str) -> None:
    """The object that was deleted is there again, with the ETag it was deleted by."""
    store.put(key, body=b"older")
    store.put(key, f"{key}2")
    (candidate,) = store.candidates(key)
    (result,) = store.objects().delete([candidate])
    hidden = store.versions().hidden(key)

    assert hidden is not None
    assert (hidden.marker.version_id, hidden.version.etag) == (result.detail, candidate.etag)
    assert [store.versions().remove_marker(hidden).outcome for _ in range(2)] == [
        Outcome.DELETED,
        Outcome.GONE,
    ]
    assert store.body(key) == b"x"


def test_hidden_alive_twice_deleted_or_never_there_is_nothing(store: Store) -> None:
    """What somebody else deleted, or put back, is not ours to undo."""
    store.put("u/alive", "u/twice", "u/back")
    for key in ("u/twice", "u/twice", "u/back"):
        store.client.delete_object(Bucket=store.name, Key=key)
    store.put("u/back")

    found = [store.versions().hidden(key) for key in ("u/alive", "u/twice", "u/back", "u/none")]
    assert found == [None] * 4


def test_marker_taken_away_under_a_new_object_changes_nothing(store: Store) -> None:
    """Who puts the object again between find and act wins."""
    store.put("u/k")
    store.objects().delete(store.candidates())
    hidden = store.versions().hidden("u/k")
    store.put("u/k", body=b"new")

    assert hidden is not None
    assert store.versions().remove_marker(hidden).outcome is Outcome.DELETED
    assert store.body("u/k") == b"new"


def test_versions_are_listed_with_their_ids_and_markers(store: Store) -> None:
    """Each version once; of a key the newest first."""
    store.put("u/k", body=b"older")
    store.put("u/k", "u/\x01 +")
    store.client.delete_object(Bucket=store.name, Key="u/k")
    found = [version for page in store.versions().list("u/") for version in page]

    assert [(each.key, each.latest, each.marker) for each in found] == [
        ("u/\x01 +", True, False),
        ("u/k", False, False),
        ("u/k", False, False),
        ("u/k", True, True),
    ]
    assert len({each.version_id for each in found}) == 4
    newest = store.client.get_object(Bucket=store.name, Key="u/k", VersionId=found[1].version_id)
    assert newest["Body"].read() == b"x"
