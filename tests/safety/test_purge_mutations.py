"""Take away one guard of the purge after another: each time a race is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soft_delete_purge import objects, release, transaction
from tests.safety.purge_mutations import MUTATIONS, without
from tests.safety.purge_stage import staged
from tests.safety.purge_steps import Steps, unchanged
from tests.safety.purge_writers import NOTHING, other_purge
from tests.safety.wire import Wire as Calls

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.postgres.database import Database
    from tests.safety.purge_mutations import Mutation


@pytest.fixture(scope="module")
def kept(embedded18: Database) -> Iterator[Steps]:
    """Return a stage, and sessions on it."""
    for stage in staged(embedded18):
        with Steps(stage) as made:
            yield made


@pytest.fixture
def steps(kept: Steps) -> Iterator[Steps]:
    """Return them with nothing taken away, now and later."""
    yield kept
    kept.rewrite = unchanged


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_guard_taken_away_is_found_out(steps: Steps, mutation: Mutation) -> None:
    """The race that ends well with the purge as it is does not without."""
    assert any(mutation.rewrite(text) != text for text in steps.statements())
    steps.rewrite = mutation.rewrite

    assert steps.problems(mutation.writer, late=mutation.late) != []


def test_images_lock_taken_away_leaks_what_two_purges_share(steps: Steps) -> None:
    """Each takes the other one's link for that of a living record."""
    steps.rewrite = without("for update of item")

    with other_purge(steps) as write:
        assert steps.problems(write) != []


def test_release_after_the_delete_is_found_out(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is nothing left to give back: it went along."""
    expected = steps.orders(NOTHING)
    real, records, late = release.give_back, transaction._records, list[Any]()  # noqa: SLF001 - the step to swap

    def later(*arguments: Any) -> dict[str, Counter[str]]:
        late.append(arguments)
        return {}

    def deletes(*arguments: Any) -> None:
        records(*arguments)
        real(*late.pop())

    monkeypatch.setattr(release, "give_back", later)
    monkeypatch.setattr(transaction, "_records", deletes)

    assert not steps.orders(NOTHING) <= expected


def test_drain_that_does_not_ask_the_tables_is_found_out(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a living record names, too, would go."""
    expected = steps.orders(NOTHING)
    monkeypatch.setattr(objects, "named", lambda *_: set())

    assert not steps.orders(NOTHING) <= expected


def test_delete_without_its_etag_is_found_out(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is uploaded between the question and the delete would go."""

    def bare(_: Any, request: dict[str, Any]) -> dict[str, Any]:
        if "Delete" not in request:
            return request
        doomed = [{"Key": each["Key"]} for each in request["Delete"]["Objects"]]
        return request | {"Delete": {"Objects": doomed}}

    monkeypatch.setattr(Calls, "rewrite", staticmethod(bare))

    assert steps.takeovers() == ["before 'DeleteObjects'"]
