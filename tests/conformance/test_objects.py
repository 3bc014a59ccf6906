"""
Objects in a bucket with real conditions: what goes is what was listed, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from expiry import clients
from expiry.errors import DeniedError, NotFoundError, StoreError
from expiry.objects import ObjectCandidate
from expiry.outcomes import Outcome
from tests.cloud.probes.made import make_role
from tests.conformance.buckets import Store, ends, listed

if TYPE_CHECKING:
    from tests.cloud import Account

pytestmark = pytest.mark.conformance

DONE, GONE, CHANGED, FAILED = Outcome.DELETED, Outcome.GONE, Outcome.CHANGED, Outcome.FAILED
ODD_KEYS = (
    "u/" + "é" * 511,  # 1,024 bytes
    "u/ leading and trailing ",
    "u/a b",
    "u/a+b",
    "u/a%20b",
    "u/a%2Bb",
    "u/a%252Bb",
    "u/<&>\"'",
    "u/line\nfeed",
    "u/tab\tulator",
    "u/trailing..",
    "u/漢字🎬.mp4",
    "u//double",
    "u/end/",
)
LONE_KEYS = ("u/control\x01", "u/carriage\rreturn", "u/\x02+ %41é..")


@pytest.fixture(params=[False, True], ids=["unversioned", "versioned"])
def store(account: Account, request: pytest.FixtureRequest) -> Store:
    """Make a bucket of each kind."""
    return Store.make(account, versioned=request.param)


@pytest.mark.parametrize("key", [*ODD_KEYS, *LONE_KEYS])
def test_delete_odd_key_takes_that_object_and_no_other(store: Store, key: str) -> None:
    """However a key is encoded on its way, only the object that was listed goes."""
    store.put(*ODD_KEYS, *LONE_KEYS)
    objects = store.objects()
    (candidate,) = store.candidates(key)
    found = objects.find(key)
    results = objects.delete([candidate])

    assert found is not None
    assert (found.key, found.etag) == (candidate.key, candidate.etag)
    assert ends(results) == {key: DONE}
    assert store.keys() == {*ODD_KEYS, *LONE_KEYS} - {key}
    assert objects.find(key) is None


def test_delete_odd_keys_together_takes_one_call_and_one_for_each_that_xml_cannot_carry(
    store: Store,
) -> None:
    """A key that would break the batch does not keep the others from it."""
    store.put(*ODD_KEYS, *LONE_KEYS)
    keys = listed(store.objects().list("u/"))
    results = store.objects().delete(store.candidates())

    assert keys == sorted([*ODD_KEYS, *LONE_KEYS], key=str.encode)
    assert ends(results) == dict.fromkeys(keys, DONE)
    assert store.keys() == set()
    assert store.calls("DeleteObjects") == 1
    assert store.calls("DeleteObject") == len(LONE_KEYS)


def test_delete_tells_the_marker_where_there_is_one(store: Store) -> None:
    """The id is what a restore would take away; without versions there is none."""
    store.put("plain", "lone\x01")
    results = store.objects().delete(store.candidates())
    markers = store.client.list_object_versions(Bucket=store.name).get("DeleteMarkers", [])

    assert ends(results) == {"plain": DONE, "lone\x01": DONE}
    assert {result.victim.key: result.detail for result in results if result.detail} == {
        marker["Key"]: marker["VersionId"] for marker in markers
    }
    assert len(markers) == (2 if store.versioned else 0)


def test_delete_what_became_of_each_since_the_listing_decides(store: Store) -> None:
    """An overwritten object survives, a missing one is no error, the others go."""
    for prefix in ("", "\x01"):
        store.put(f"{prefix}dead", f"{prefix}overwritten", f"{prefix}missing")
    candidates = store.candidates()
    for prefix in ("", "\x01"):
        store.put(f"{prefix}overwritten", body=b"new")
        store.client.delete_object(Bucket=store.name, Key=f"{prefix}missing")
    results = store.objects().delete(candidates)

    outcomes = {"dead": DONE, "overwritten": CHANGED, "missing": GONE}
    assert ends(results) == outcomes | {f"\x01{key}": end for key, end in outcomes.items()}
    assert store.keys() == {"overwritten", "\x01overwritten"}
    assert store.body("overwritten") == store.body("\x01overwritten") == b"new"
    markers = store.client.list_object_versions(Bucket=store.name).get("DeleteMarkers", [])
    assert len(markers) == (4 if store.versioned else 0)  # none on top of a marker


def test_delete_2500_objects_takes_exactly_three_calls(account: Account) -> None:
    """A thousand a call, on a store that refuses more."""
    store = Store.make(account)
    store.put("k")
    (known,) = store.candidates()
    made = [f"k{number:04}" for number in range(2_499)]
    candidates = [known, *(ObjectCandidate(key, known.etag, 0, 1, "orphaned") for key in made)]
    results = store.objects().delete(candidates)

    assert ends(results) == {"k": DONE} | dict.fromkeys(made, GONE)
    assert store.calls("DeleteObjects") == 3


def test_delete_of_multipart_object_compares_its_own_kind_of_etag(store: Store) -> None:
    """An object made of parts is known by its ETag, and deleted by it."""
    store.complete("k", store.begin("k", b"part"))
    (candidate,) = store.candidates()
    found = store.objects().find("k")

    assert found is not None
    assert found.multipart
    assert ends(store.objects().delete([candidate])) == {"k": DONE}


def test_list_and_prefixes_take_keys_as_they_are(account: Account) -> None:
    """Whatever a prefix is named, what lies under it is listed, and nothing else."""
    store = Store.make(account)
    store.put("u/1", "u/a b/2", "u/a+b/5", "u/é+/3", "u/é+/x/4", "other/6")
    objects = store.objects()
    prefixes = objects.prefixes("u/")

    assert prefixes == ["u/a b/", "u/a+b/", "u/é+/"]
    assert [listed(objects.list(prefix)) for prefix in prefixes] == [
        ["u/a b/2"],
        ["u/a+b/5"],
        ["u/é+/3", "u/é+/x/4"],
    ]
    assert listed(objects.list("u/", start_after="u/a+b/5")) == ["u/é+/3", "u/é+/x/4"]


def test_list_goes_on_over_pages(account: Account) -> None:
    """More than a page holds is listed once each, in the order of keys."""
    store = Store.make(account)
    keys = [f"u/{number:04} +é" for number in range(1_050)]
    store.put(*keys)

    assert listed(store.objects().list("u/")) == keys


def test_has_tag_reads_the_objects_own(account: Account) -> None:
    """A tagged object is protected, another is not, a missing one might be."""
    store = Store.make(account)
    store.client.put_object(Bucket=store.name, Key="tagged +", Body=b"x", Tagging="keep=yes")
    store.put("plain")
    objects = store.objects()

    assert [objects.has_tag(key, "keep") for key in ("tagged +", "plain", "none")] == [
        True,
        False,
        True,
    ]
    assert not objects.has_tag("tagged +", "yes")


# Roles and owners


def allowed(store: Store, action: str, path: str = "/*", **more: Any) -> dict[str, Any]:
    """Return a statement that allows one action in the bucket."""
    resource = f"arn:aws:s3:::{store.name}{path}"
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


BY_ETAG: dict[str, Any] = {"Condition": {"Null": {"s3:if-match": "false"}}}


def test_delete_denied_for_one_key_fails_it_and_goes_on(store: Store) -> None:
    """One object that the role may not delete stops no other."""
    keys = ("in/a", "in/b", "in/\x01", "out/c", "out/\x01")
    store.put(*keys)
    make_role(
        store.account,
        "cleaner",
        allowed(store, "s3:DeleteObject", "/in/*"),
        allowed(store, "s3:GetObject"),
    )
    results = store.objects(role="cleaner").delete(store.candidates())

    assert ends(results) == {key: DONE if key.startswith("in") else FAILED for key in keys}
    assert all("AccessDenied" in end.detail for end in results if end.outcome is FAILED)
    assert store.keys() == {"out/c", "out/\x01"}


def test_delete_passes_a_role_that_is_held_to_etags(store: Store) -> None:
    """AWS itself refuses a blind delete; the engine's own, of any key, are none."""
    store.put(*ODD_KEYS, *LONE_KEYS)
    make_role(
        store.account,
        "cleaner",
        allowed(store, "s3:DeleteObject", **BY_ETAG),
        allowed(store, "s3:GetObject"),
    )
    cleaner = store.account.client("s3", role="cleaner")
    several = {"Objects": [{"Key": "u/a b"}], "Quiet": False}

    answer = cleaner.delete_objects(Bucket=store.name, Delete=several)
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    with pytest.raises(ClientError, match="AccessDenied"):
        cleaner.delete_object(Bucket=store.name, Key="u/a b")
    assert store.keys() == {*ODD_KEYS, *LONE_KEYS}
    results = store.objects(role="cleaner").delete(store.candidates())
    assert ends(results) == dict.fromkeys([*ODD_KEYS, *LONE_KEYS], DONE)


def test_every_call_needs_just_what_the_docstrings_say(account: Account) -> None:
    """A role with these grants can do all, and none is left over."""
    store = Store.make(account, versioned=True)
    actions = ("ListBucket", "ListBucketMultipartUploads", "ListBucketVersions")
    on_keys = ("GetObject", "GetObjectTagging", "DeleteObjectVersion")
    on_parts = ("ListMultipartUploadParts", "AbortMultipartUpload")
    make_role(
        account,
        "cleaner",
        *(allowed(store, f"s3:{action}", "") for action in actions),
        *(allowed(store, f"s3:{action}") for action in (*on_keys, *on_parts)),
        allowed(store, "s3:DeleteObject", **BY_ETAG),
    )
    store.put("dead")
    upload_id = store.begin("dead", b"part")
    objects, uploads = store.objects(role="cleaner"), store.uploads(role="cleaner")
    versions = store.versions(role="cleaner")

    assert listed(objects.list("")) == ["dead"]
    assert objects.find("dead")
    assert objects.prefixes("") == []
    assert not objects.has_tag("dead", "keep")
    assert [len(page) for page in uploads.list("")] == [1]
    assert uploads.parts("dead", upload_id)
    assert uploads.abort_until_empty("dead", upload_id).outcome is DONE
    assert ends(objects.delete(store.candidates())) == {"dead": DONE}
    hidden = versions.hidden("dead")
    assert hidden
    assert versions.remove_marker(hidden).outcome is DONE
    assert store.keys() == {"dead"}
    assert account.denied("cleaner") == set()
    assert account.unused_grants("cleaner") == set()


def test_every_call_to_a_bucket_of_another_account_fails_clearly(account: Account) -> None:
    """Nothing is read from it, nothing is deleted in it, and the message says whose it is not."""
    store = Store.make(account, versioned=True)
    store.put("k", "k\x01", "hidden")
    store.client.delete_object(Bucket=store.name, Key="hidden")
    upload_id = store.begin("k", b"part")
    hidden = store.versions().hidden("hidden")
    candidates = store.candidates()
    stranger = {"owner": "999988887777"}
    objects, uploads = store.objects(**stranger), store.uploads(**stranger)
    versions = store.versions(**stranger)
    assert hidden is not None

    for call in (
        lambda: list(objects.list("")),
        lambda: objects.prefixes(""),
        lambda: objects.find("k"),
        lambda: objects.delete(candidates),
        lambda: list(uploads.list("")),
        lambda: uploads.parts("k", upload_id),
        lambda: list(versions.list("")),
        lambda: versions.hidden("hidden"),
    ):
        with pytest.raises(DeniedError, match="of account 999988887777"):
            call()
    assert objects.has_tag("k", "keep")
    (lone,) = [each for each in candidates if each.key == "k\x01"]
    assert ends(objects.delete([lone])) == {"k\x01": FAILED}
    assert uploads.abort_until_empty("k", upload_id).outcome is FAILED
    assert versions.remove_marker(hidden).outcome is FAILED
    assert store.keys() == {"k", "k\x01"}
    assert store.uploads().parts("k", upload_id) is not None


def test_missing_bucket_is_named_with_its_setting(account: Account) -> None:
    """A typo in the settings is told from an empty bucket."""
    store = Store(account, account.client("s3"), "no-such-bucket")

    with pytest.raises(NotFoundError, match="correct BUCKET"):
        store.objects().find("k")
    with pytest.raises(StoreError, match="no-such-bucket"):
        store.objects().delete([ObjectCandidate("k", '"e"', 0, 1, "orphaned")])


# The client for listings


def test_listing_client_reads_the_same_and_breaks_no_other_call(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read fast is the same, and everything else is read as ever."""
    for name, text in account.env().items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials it once found
    store = Store.make(account, versioned=True)
    store.put("k")
    upload_id = store.begin("k", b"part")
    client = clients.s3_listing(threads=2)
    pairs = [
        (store.objects(**about), store.uploads(**about), store.versions(**about))
        for about in ({}, {"client": client})
    ]
    read = [
        (
            list(objects.list("")),
            list(uploads.list("")),
            uploads.parts("k", upload_id),
            list(versions.list("")),
        )
        for objects, uploads, versions in pairs
    ]

    assert read[0] == read[1]
    head = client.head_object(Bucket=store.name, Key="k")
    assert head["LastModified"].timestamp() == int(read[0][0][0][0].last_modified_s)
