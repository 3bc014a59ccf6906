"""
Keys that are secrets: shown by a hash, always the same, and never in clear.
"""

from __future__ import annotations

from expiry.masking import masked, shown_key, without_secrets

SORT_KEY = "spa_access_tokens:s3cr3t"
NAMES = ("id", "bucket_name")
KEY = {"id": {"S": "_actingweb_oauth2"}, "bucket_name": {"S": SORT_KEY}}


def test_masked_is_the_beginning_of_sha_256() -> None:
    """Whoever holds the secret finds its lines with the tools at hand."""
    assert masked("abc") == "ba7816bf8f01"  # as FIPS 180-2 has it
    assert masked("") == "e3b0c44298fc"


def test_masked_takes_text_that_is_no_utf_8() -> None:
    """A half of a surrogate pair in a key must not end a run."""
    assert len(masked("\ud800")) == 12


def test_shown_key_masks_the_range_key_where_it_is_secret() -> None:
    """The partition stays readable: it says whose the row is."""
    row = {**KEY, "data": {"S": "x"}}

    assert shown_key(row, NAMES, secret=True) == {
        "id": "_actingweb_oauth2",
        "bucket_name": masked(SORT_KEY),
    }
    assert shown_key(row, NAMES, secret=False) == {
        "id": "_actingweb_oauth2",
        "bucket_name": SORT_KEY,
    }


def test_shown_key_masks_the_only_key() -> None:
    """A table without a range key has its secret in the other."""
    assert shown_key({"token": {"S": "abc"}}, ("token",), secret=True) == {"token": "ba7816bf8f01"}


def test_shown_key_masks_numbers_and_bytes() -> None:
    """Whatever its type, it is not shown."""
    assert shown_key({"n": {"N": "12"}}, ("n",), secret=True) == {"n": masked("12")}
    assert shown_key({"b": {"B": b"\x00"}}, ("b",), secret=True) == {"b": masked("AA==")}


def test_without_secrets_masks_each_wherever_it_stands() -> None:
    """Also one that is the beginning of another; what is empty hides nothing."""
    text = without_secrets("a token tokens, and token", ["token", "tokens", ""])

    assert text == f"a {masked('token')} {masked('tokens')}, and {masked('token')}"
