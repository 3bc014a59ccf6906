"""
Keys: which of them a list in XML can hold, and whose session they name.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.keys import KeyPattern, xml_carries

SEED = r"^uploads/\d{4}-\d{2}-\d{2}/(?P<session_id>[^./]+)\.[^/]+$"
ANYTHING = st.text(st.characters(codec="utf-8"), min_size=1)


@given(
    ANYTHING | st.sampled_from(["\x00", "\x01", "\t", "\n", "\r", "\x7f", "\ufffe", "\U0001ffff"])
)
def test_key_that_xml_carries_is_read_back_the_same(key: str) -> None:
    """A key goes into a batch only where a parser reads just that key out of it."""
    root = ET.Element("Key")
    root.text = key
    try:
        read = ET.fromstring(ET.tostring(root, encoding="utf-8")).text  # noqa: S314 - our own text
    except ET.ParseError:
        read = None

    assert xml_carries(key) == (read == key)


@pytest.mark.parametrize("key", ["a\x01b", "\x00", "a\rb", "\ufffe", "\ud800"])
def test_key_that_xml_cannot_carry_is_known(key: str) -> None:
    """Control characters, a carriage return, what is no character: these go alone."""
    assert not xml_carries(key)


def test_key_pattern_takes_the_session_from_the_key() -> None:
    """The seed's pattern names the session, whatever the ending."""
    pattern = KeyPattern.parse(SEED)

    assert pattern.session_id("uploads/2026-01-05/abc-é +%.tar.gz") == "abc-é +%"


@pytest.mark.parametrize(
    "key",
    [
        "uploads/2026-01-05/a/b.mp4",
        "uploads/2026-1-5/abc.mp4",
        "other/uploads/2026-01-05/abc.mp4",
        "uploads/2026-01-05/abc",
        "uploads/2026-01-05/.mp4",
        "",
    ],
)
def test_key_pattern_other_keys_name_nobody(key: str) -> None:
    """What does not match is nobody's that we know, so it is kept."""
    assert KeyPattern.parse(SEED).session_id(key) is None


def test_key_pattern_without_anchors_must_match_the_whole_key() -> None:
    """A careless expression makes the run see less, never more."""
    pattern = KeyPattern.parse(r"uploads/(?P<session_id>[a-z]+)\.mp4")

    assert pattern.session_id("uploads/abc.mp4") == "abc"
    assert pattern.session_id("backup/uploads/abc.mp4") is None
    assert pattern.session_id("uploads/abc.mp4.part") is None
    assert pattern.session_id("uploads/abc.mp4\n") is None


def test_key_pattern_group_that_did_not_take_part_names_nobody() -> None:
    """No session id is no session, not an empty one that a table could never hold."""
    pattern = KeyPattern.parse(r"(?P<session_id>[a-z]*)(\.mp4)?")

    assert pattern.session_id(".mp4") is None
    assert KeyPattern.parse(r"x(?P<session_id>y)?").session_id("x") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [("uploads/(", "no regular expression"), (r"uploads/(?P<id>.+)", "no group")],
)
def test_key_pattern_that_cannot_work_is_refused(text: str, reason: str) -> None:
    """It is found out before anything is listed."""
    with pytest.raises(ValueError, match=reason):
        KeyPattern.parse(text)
