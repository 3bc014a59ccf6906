"""Many keys are looked at in few calls, and each answer is about the key that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from expiry.objects import Listed
from soft_delete_purge.looking import before, looked_up

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 4


class Shelf:
    """A bucket that lists as S3 does: in the order of bytes, some keys a page."""

    def __init__(self, keys: set[str]) -> None:
        self.keys, self.calls = sorted(keys, key=str.encode), 0

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[list[Listed]]:
        found = [
            key
            for key in self.keys
            if key.startswith(prefix) and key.encode() > start_after.encode()
        ]
        for start in range(0, max(len(found), 1), PAGE):
            self.calls += 1
            yield [Listed(key, f'"{key}"', 0.0, 1) for key in found[start : start + PAGE]]


def looked(shelf: Shelf, keys: set[str], *prefixes: str) -> dict[str, bool]:
    """Say what is there of *keys*."""
    objects: Any = shelf
    seen = looked_up(objects, keys, prefixes or ("",))
    assert all(listed is None or listed.key == key for key, listed in seen.items())
    return {key: listed is not None for key, listed in seen.items()}


TEXTS = st.text("ab/\u0000\ue000\U00010000", min_size=1, max_size=4)


@given(st.sets(TEXTS, max_size=30), st.sets(TEXTS, max_size=10))
def test_look_sees_exactly_what_is_there(there: set[str], asked: set[str]) -> None:
    """Whatever lies around a key, and whatever its letters are."""
    shelf = Shelf(there)
    assert looked(shelf, asked) == {key: key in there for key in asked}
    assert shelf.calls <= max(2 * len(asked), 1)


def test_look_reads_what_lies_together_in_one_call() -> None:
    """A page that covers several keys answers for all of them."""
    shelf = Shelf({f"a/{number}" for number in range(8)} | {f"b/{n:04}" for n in range(1_000)})

    assert all(looked(shelf, {"a/0", "a/1", "a/2", "b/0999", "b/0500"}).values())
    assert shelf.calls <= 5


def test_look_stays_below_the_prefixes() -> None:
    """The role may list no more than them; what is outside is not known, rather than absent."""
    shelf = Shelf({"mocs/a", "users/a"})

    assert looked(shelf, {"mocs/a", "mocs/b", "users/a"}, "mocs/") == {
        "mocs/a": True,
        "mocs/b": False,
    }


@given(TEXTS, TEXTS)
def test_before_is_below_its_key_and_above_what_is_smaller(key: str, other: str) -> None:
    """Nothing lies between but what begins with the highest letter."""
    assert before(key).encode() < key.encode()
    if other.encode() < key.encode():
        assert other.encode() <= before(key).encode()
