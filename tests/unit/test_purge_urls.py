"""What a row holds is a key of ours, or it is nobody's; and no row that names a key is missed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.postgres.names import Relation
from soft_delete_purge.plan import Files
from soft_delete_purge.urls import key_of, spellings, spelt

TABLE = Relation("public", "t")
KEYS = Files("k", "s3_key", TABLE)
URLS = Files("u", "url", TABLE, url_prefix="https://cdn.example/")
SCOPED = Files("s", "url", TABLE, url_prefix="https://cdn.example/", key_prefix="mocs/")


@pytest.mark.parametrize(
    ("files", "value", "key"),
    [
        (KEYS, "a/b.png", "a/b.png"),
        (KEYS, "a%20b?c#d", "a%20b?c#d"),
        (KEYS, "", None),
        (KEYS, "/a", None),
        (KEYS, "x" * 1_025, None),
        (KEYS, "é" * 513, None),
        (URLS, "https://cdn.example/a/b%20c.png", "a/b c.png"),
        (URLS, "https://cdn.example/a.png?v=2#top", "a.png"),
        (URLS, "https://cdn.example/a.png#top?v=2", "a.png"),
        (URLS, "https://cdn.example/a+b", "a+b"),
        (URLS, "https://cdn.example/%ff", None),
        (URLS, "https://cdn.example/", None),
        (URLS, "https://cdn.example/?a", None),
        (URLS, "https://cdn.example//a", None),
        (URLS, "https://cdn.example/%2Fa", None),
        (URLS, "http://cdn.example/a", None),
        (URLS, "https://cdn.example.evil/a", None),
        (URLS, "a.png", None),
        (SCOPED, "https://cdn.example/mocs/a", "mocs/a"),
        (SCOPED, "https://cdn.example/users/a", None),
        (SCOPED, "https://cdn.example/%6docs/a", "mocs/a"),
    ],
)
def test_key_of_a_value_is_ours_or_none(files: Files, value: str, key: str | None) -> None:
    """Keys as they are; URLs below the prefix, without query and fragment, decoded."""
    assert key_of(files, value) == key


@given(st.text(min_size=1, max_size=30))
def test_every_spelling_of_a_key_is_read_as_that_key(key: str) -> None:
    """Whatever form a row has of a key, another row's delete finds it; and none of another key."""
    for files in (KEYS, URLS):
        for form in spellings(files, key):
            found = key_of(files, form)
            if files is KEYS or "%" in form or not set(key) & set("%?#"):
                assert found in (key, None)


def test_spellings_hold_the_forms_in_use() -> None:
    """As it is, as browsers and as Python escape it, in capitals and small letters."""
    assert spellings(URLS, "a b/é~!.png") >= {
        "https://cdn.example/a b/é~!.png",
        "https://cdn.example/a%20b/%C3%A9~!.png",
        "https://cdn.example/a%20b/%c3%a9~%21.png",
    }


def test_spelt_leaves_query_and_fragment_out() -> None:
    """An index on the same expression answers."""
    assert spelt(KEYS, "item") == 'item."s3_key"'
    assert spelt(URLS, "") == """split_part(split_part("url", '?', 1), '#', 1)"""
