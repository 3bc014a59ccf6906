"""What the story's own flow does to shared images, beside the purge on the same tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.postgres.sessions import open_session
from tests.safety import purge_mocs as mocs
from tests.safety.memory import Memory
from tests.safety.purge_naive import AS_WRITTEN, CORRECTED, Naive
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.postgres.database import Database

# MOCs 1 to 3 are due and 4 is not: image 1 is shown by two that go, image 2 by one that stays.
DUE, ALIVE = 3, 1
SURVIVOR = {("moc 4", "image 2")}


def stores(database: Database) -> tuple[Memory, Any]:
    """Make the tables, and a bucket with every file that they name."""
    mocs.make(database, DUE, ALIVE)
    memory = Memory(objects=mocs.named(database))
    return memory, Wire(disturb=memory).wrap(memory.clients.s3)


def naively(database: Database, s3: Any, orphans: str, *, ask_first: bool = False) -> None:
    """Purge as the story says."""
    with open_session(database) as session:
        assert Naive(session, s3, orphans, ask_first=ask_first).purge() == DUE


def test_purge_of_shared_images_takes_those_of_the_dead_alone(postgres: Database) -> None:
    """
    An image goes with the last record that shows it; one that a living record shows stays.
    """
    memory, s3 = stores(postgres)

    result = mocs.purge(postgres, s3)

    assert (result["processed"], result["orphanedImages"]) == (DUE, 1)
    assert mocs.images(postgres) == {"image 2"}
    assert mocs.shown(postgres) == SURVIVOR
    assert set(memory.objects) == set(mocs.named(postgres))


def test_purge_by_the_orphan_query_as_written_takes_what_a_living_record_shows(
    postgres: Database,
) -> None:
    """
    It counts after it has left one record's links alone, so what is shared counts as orphaned.
    """
    memory, s3 = stores(postgres)
    living = {f"gallery/{key}" for key in image_files(postgres, "image 2")}

    naively(postgres, s3, AS_WRITTEN)

    assert mocs.images(postgres) == set()
    assert mocs.shown(postgres) == set()  # the living record's link went with the image
    assert living
    assert not living & set(memory.objects)


def test_purge_by_orphans_asked_for_first_leaks_what_two_dead_records_share(
    postgres: Database,
) -> None:
    """
    Asked before anything goes, an image that two dead records share is nobody's to delete.
    """
    memory, s3 = stores(postgres)

    naively(postgres, s3, CORRECTED, ask_first=True)

    assert mocs.images(postgres) == {"image 1", "image 2"}
    assert mocs.shown(postgres) == SURVIVOR  # nobody shows image 1, and nothing will ask again
    assert set(memory.objects) == set(mocs.named(postgres))


def test_purge_by_the_corrected_query_alone_at_work_ends_as_ours(postgres: Database) -> None:
    """
    The benchmark's peer does the same work: it leaves the same rows and the same files.
    """
    memory, s3 = stores(postgres)

    naively(postgres, s3, CORRECTED)

    assert mocs.images(postgres) == {"image 2"}
    assert mocs.shown(postgres) == SURVIVOR
    assert set(memory.objects) == set(mocs.named(postgres))


def image_files(database: Database, title: str) -> set[str]:
    """Return the names of an image's files."""
    statement = "select image_url, thumbnail_url from gallery_images where title = %s"
    return {url.rpartition("/")[2] for row in database.run(statement, title) for url in row}
