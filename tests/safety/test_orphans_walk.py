"""A walk sees every object once, wherever it begins; a run that is too short says where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.errors import EventError
from expiry.objects import Listed, Objects, Page
from tests.safety.phases import run_of, uploaded
from tests.safety.stage import Stage
from upload_cleanup.context import Living
from upload_cleanup.orphans import OrphanPhase
from upload_cleanup.walk import Place, Step, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.safety.stage import Clients

PREFIX = "uploads/"
NAMES = st.text("abü-", min_size=1, max_size=2)
KEYS = st.sets(
    st.one_of(NAMES, st.builds("{}/{}".format, NAMES, st.text("ab", max_size=2))), max_size=25
)


class Shelf:
    """Objects in memory, listed in pages of three."""

    def __init__(self, keys: set[str]) -> None:
        self.keys = sorted(PREFIX + key for key in keys)
        self.pages = 0

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[Page]:
        keys = [key for key in self.keys if key.startswith(prefix) and key > start_after]
        for start in range(0, max(len(keys), 1), 3):
            self.pages += 1
            yield [Listed(key, '"e"', 0.0, 1) for key in keys[start : start + 3]]

    def prefixes(self, prefix: str) -> Sequence[str]:
        tails = [key[len(prefix) :] for key in self.keys]
        return sorted({f"{prefix}{tail.split('/')[0]}/" for tail in tails if "/" in tail})


def steps_of(keys: set[str], run_id: str, place: Place | None = None) -> list[Step]:
    """Walk to the end."""
    shelf = cast("Objects", Shelf(keys))
    return list(Walk(shelf, PREFIX, run_id, place.as_dict() if place else None).steps())


def seen(steps: list[Step]) -> list[str]:
    """Return the keys in the order of the walk."""
    return [listed.key for step in steps for listed in step.objects]


@given(KEYS, st.integers(0, 50))
def test_walk_from_anywhere_sees_every_object_once(keys: set[str], number: int) -> None:
    """
    Each key comes exactly once, whatever folder the walk begins at.
    """
    found = seen(steps_of(keys, f"run-{number}"))

    assert sorted(found) == sorted(PREFIX + key for key in keys)


@given(KEYS, st.integers(0, 50), st.data())
def test_walk_taken_up_at_any_place_sees_just_the_rest(
    keys: set[str], number: int, data: st.DataObject
) -> None:
    """
    What lies behind a place and what comes after it are all there is, and have nothing in common.
    """
    steps = steps_of(keys, f"run-{number}")
    ends = [index for index, step in enumerate(steps) if step.ended]
    if not ends:
        return
    index = data.draw(st.sampled_from(ends))
    place = cast("Place", steps[index].ended)

    rest = seen(steps_of(keys, "another", place))

    assert seen(steps[: index + 1]) + rest == seen(steps)
    assert all(place.passed(key) for key in seen(steps[: index + 1]))
    assert not any(place.passed(key) for key in rest)


@given(KEYS, st.integers(0, 50))
def test_walk_ends_a_folder_only_after_its_last_object(keys: set[str], number: int) -> None:
    """
    A folder's plan is complete when its end comes; objects in no folder end with their page.
    """
    ended: set[str] = set()
    folder = ""
    for step in steps_of(keys, f"run-{number}"):
        for listed in step.objects:
            tail = listed.key[len(PREFIX) :]
            folder = tail.split("/")[0] if "/" in tail else ""
            assert folder not in ended
        if step.ended and folder:
            ended.add(folder)


def test_walk_of_objects_in_no_folder_ends_with_each_page() -> None:
    """
    A flat bucket of any size is taken in parts, else no run would see its end.
    """
    steps = steps_of({f"{number}" for number in range(7)}, "run-1")

    assert len([step for step in steps if step.ended]) == 3


def test_walks_of_many_runs_begin_at_every_folder() -> None:
    """
    No folder is always the last: a run that is too short would never reach it.
    """
    keys = {f"{folder}/x" for folder in "abcde"}

    firsts = {seen(steps_of(keys, f"run-{number}"))[0] for number in range(100)}

    assert firsts == {PREFIX + key for key in keys}


@pytest.mark.parametrize("place", [{"start": 1}, {"start": "", "wrapped": 0, "after": ""}])
def test_place_that_is_none_of_ours_is_refused(place: dict[str, Any]) -> None:
    """
    A cursor is taken as it was given, or not at all.
    """
    with pytest.raises(EventError):
        Place.parse(place)


def test_survey_out_of_time_acts_on_whole_folders_and_is_taken_up(clients: Clients) -> None:
    """
    A run that must stop deletes nothing of a folder that it has not seen whole; its cursor leads
    another run to the rest.
    """
    stage = Stage(clients)
    for day in range(1, 5):
        uploaded(stage, f"living-{day}")
        for name in (f"living-{day}", f"orphan-{day}"):
            stage.put(f"uploads/2026-01-0{day}/{name}.mp4")
    folder = 0

    def remaining_ms() -> int:
        return 900_000 if folder < 2 else 400_000  # less than half: time to act

    phase = OrphanPhase(run_of(stage, remaining_ms=remaining_ms).context(), Living())
    judge = phase._survey._settle  # noqa: SLF001 - the only place between two folders

    def settle() -> None:
        nonlocal folder
        judge()
        folder += phase._survey._folder.found.listed == 0  # noqa: SLF001 - a folder has just ended

    phase._survey._settle = settle  # type: ignore[method-assign] # noqa: SLF001 - likewise
    first = phase.run()
    folder = 0
    second = OrphanPhase(run_of(stage).context(), Living(), first.cursor).run()

    assert first.cursor is not None
    assert (first.listed, first.deleted) == (4, 2)
    assert second.cursor is None
    assert (second.listed, second.deleted) == (4, 2)
