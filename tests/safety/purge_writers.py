"""
What the application may do to a record that is being purged, and to what it shares and borrows.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from soft_delete_purge import record
from tests.postgres.sessions import open_session
from tests.safety.purge_stage import ALIVE, DEAD, DEAD_TOO
from tests.safety.purge_steps import PATIENCE_S, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.safety.purge_steps import Steps, Write

RESTORE = Writer("restores the record", f"update mocs set deleted_at = null where id = '{DEAD}'")
HOLD = Writer("sets a hold", f"update mocs set held = true where id = '{DEAD}'")
ATTACH = Writer("attaches a new part", "insert into parts (id, list_id) values (9, 1)")
TAKE = Writer("attaches a free part", "update parts set list_id = 1, status = 'used' where id = 5")
REASSIGN = Writer("reassigns a part", "update parts set list_id = 3, status = 'used' where id = 1")
LINK = Writer(
    "links an image", f"insert into links (id, moc_id, image_id) values (9, '{ALIVE}', 1)"
)
FLAG = Writer("flags an image", "insert into flags (id, image_id) values (9, 1)")
SHOW = Writer(
    "puts an image into an album",
    "with album as (insert into albums values (9) returning id)"
    " update images set album_id = (select id from album) where id = 1",
)
UNLINK = Writer("unlinks an image", "delete from links where id = 5")
RENAME = Writer("renames a file", "update files set s3_key = 'nobody' where id = 1")
ADD_FILE = Writer(
    "adds a file", f"insert into files (id, moc_id, s3_key) values (9, '{DEAD}', 'nobody')"
)
WRITERS = (RESTORE, HOLD, ATTACH, TAKE, REASSIGN, LINK, FLAG, SHOW, UNLINK, RENAME, ADD_FILE)
NOTHING = Writer("does nothing", "select 1")


@contextmanager
def other_purge(steps: Steps) -> Iterator[Write]:
    """Make a second purge, of the record that shares an image with the first one's, a writer."""
    mine = steps.application_pid
    with open_session(steps.stage.database) as session:
        session.run(f"set lock_timeout = '{PATIENCE_S:.0f}s'")
        steps.application_pid = session.process_id

        def write(_: object) -> str:
            purged = record.purge(session, steps.bound, DEAD_TOO, steps.terms, steps.stage.look)
            return str(purged.outcome)

        yield write
        steps.application_pid = mine
