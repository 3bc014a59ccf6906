"""
A small world in which a purge meets everything once, and a bucket in memory that heeds ETags.

Two records are due and share an image; a third one is alive and shares an image, a file and a part
with them. Whatever is left is compared as a whole, so that a row too many is seen as well as one
too few.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import dataclass, field
from hashlib import md5
from io import StringIO
from typing import TYPE_CHECKING, Any

from expiry.bucket import Bucket
from expiry.budget import Budget, Pace
from expiry.objects import Objects
from soft_delete_purge import looking, setup
from tests.postgres.purge_runs import QUIET, Mail, World, as_it_is
from tests.postgres.purge_scene import CDN, TABLES
from tests.postgres.sessions import open_session
from tests.safety.memory import OWNER, Memory, silent_clients
from tests.safety.wire import Wire as Calls
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from soft_delete_purge.terms import Seen
    from tests.postgres.database import Database

DEAD, DEAD_TOO, ALIVE, BAD = (
    f"00000000-0000-0000-0000-0000000000{n}" for n in ("d1", "d2", "a1", "b1")
)
NAMES = ("mocs", "files", "lists", "parts", "albums", "images", "links", "flags", "uploads")
OLD, NEW = "old", "new"
LONG_AGO_S, JUST_NOW_S = 1_000_000_000.0, 4_000_000_000.0
FILES = ("d1/a", "d1/thumb", "d2/a", "a/a", "common", "i/1", "i/2", "i/3", "i/4", "b/a", "nobody")
FILL = f"""
    delete from uploads; delete from flags; delete from links; delete from parts;
    delete from lists; delete from files; update mocs set title = null; delete from mocs;
    delete from images; delete from albums;
    delete from expiry.purge_outbox; delete from expiry.purge_failures;
    insert into mocs (id, title, thumbnail_url, deleted_at) values
        ('{DEAD}', 'dead', '{CDN}d1/thumb', '2020-01-01'),
        ('{DEAD_TOO}', 'dead', null, '2020-01-02'),
        ('{ALIVE}', 'alive', null, null);
    insert into files (id, moc_id, s3_key) values
        (1, '{DEAD}', 'd1/a'), (2, '{DEAD}', 'common'), (3, '{DEAD_TOO}', 'd2/a'),
        (4, '{ALIVE}', 'a/a'), (5, '{ALIVE}', 'common');
    insert into lists (id, moc_id, file_id) values
        (1, '{DEAD}', 1), (2, '{DEAD_TOO}', null), (3, '{ALIVE}', 4);
    insert into parts (id, list_id, status) values
        (1, 1, 'used'), (2, 1, 'used'), (3, 2, 'used'), (4, 3, 'used'), (5, null, 'available');
    insert into images (id, image_url) select n, '{CDN}i/' || n from generate_series(1, 4) n;
    insert into links (id, moc_id, image_id) values
        (1, '{DEAD}', 1), (2, '{DEAD}', 2), (3, '{DEAD_TOO}', 2), (4, '{DEAD}', 3),
        (5, '{ALIVE}', 3), (6, '{ALIVE}', 4);
"""
POISONED = f"""
    insert into mocs (id, title, deleted_at) values ('{BAD}', 'poisoned', '2020-01-03');
    insert into files (id, moc_id, s3_key) values (6, '{BAD}', 'b/a');
"""
EVERYTHING = " union all ".join(
    f"select '{name}', to_jsonb(item)::text from {name} as item" for name in NAMES
)
OUTBOX = "select 'outbox', key from expiry.purge_outbox"

State = frozenset[tuple[str, str]]
"""All rows and objects."""


def etag_of(body: str) -> str:
    """Return what S3 calls a content."""
    return f'"{md5(body.encode(), usedforsecurity=False).hexdigest()}"'


@dataclass
class Store(Memory):
    """Objects in memory; a delete heeds the ETag that it names."""

    bodies: dict[str, str] = field(default_factory=dict)

    def fill(self, keys: Collection[str]) -> None:
        """Hold just these, from long ago."""
        self.objects = dict.fromkeys(keys, LONG_AGO_S)
        self.bodies = dict.fromkeys(keys, OLD)
        self.keys = sorted(self.objects)

    def put(self, key: str, body: str) -> None:
        """Store an object now."""
        self.objects[key], self.bodies[key] = JUST_NOW_S, body
        self.keys = sorted(self.objects)

    def _entry(self, key: str) -> dict[str, Any]:
        return super()._entry(key) | {"ETag": etag_of(self.bodies[key])}

    def _delete_objects(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["Delete"]["Objects"]
        changed = [
            each["Key"]
            for each in wanted
            if each["Key"] in self.objects
            and each.get("ETag") not in {None, etag_of(self.bodies[each["Key"]])}
        ]
        others = [each for each in wanted if each["Key"] not in changed]
        answer = super()._delete_objects({"Delete": {"Objects": others}})
        failed = [{"Key": key, "Code": "PreconditionFailed"} for key in changed]
        return {**answer, "Errors": [*answer["Errors"], *failed]}


@dataclass
class Stage(World):
    """The world, on a database and on a bucket in memory."""

    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        """Create the tables."""
        self.bucket = "files"
        self.database.run(TABLES)
        with open_session(self.database) as session:
            setup.make(session)
        self.reset()

    def reset(self, *, poisoned: bool = False) -> None:
        """Make everything as it was in the beginning."""
        self.database.run(FILL + (POISONED if poisoned else ""))
        self.mail, self.user, self.logger, self.wraps = Mail(), None, QUIET, as_it_is
        self.store.fill(FILES)
        self.s3 = Calls(disturb=self.store).wrap(self.account.client("s3"))

    def files(self) -> set[str]:
        """Return the keys in the bucket."""
        return set(self.store.objects)

    def purge(self, *arguments: Any, **more: Any) -> dict[str, Any]:
        """Run once, without printing its metrics; return the result."""
        with redirect_stdout(StringIO()):
            return super().purge(*arguments, **more)

    def retry(self, **more: Any) -> list[str]:
        """Hand the waiting messages to the handler, without printing metrics."""
        with redirect_stdout(StringIO()):
            return super().retry(**more)

    def state(self) -> State:
        """Return all that there is, but for what is known of failures."""
        rows = self.database.run(f"{EVERYTHING} union all {OUTBOX}")
        return frozenset({*rows, *self.stored()})

    def stored(self) -> Iterator[tuple[str, str]]:
        """Return what is in the bucket, as a part of the state."""
        for key, body in self.store.bodies.items():
            if key in self.store.objects:
                yield f"S3:{key}", body

    def look(self, keys: Collection[str]) -> Seen:
        """See what lies at keys now."""
        return looking.looked_up(self.objects(), keys)

    def objects(self) -> Objects:
        """Return the bucket as the engine knows it."""
        budget = Budget(lambda: 3_600_000, reserve_s=0)
        pace = Pace(0, lambda: 0.0, lambda _: None)
        return Objects(Bucket(self.s3, self.bucket, OWNER, pace), budget)

    def all_gone(self) -> None:
        """Wait until the server has noticed that runs are dead."""
        until(lambda: not self.database.run(SESSIONS), "the dead run's session ends")


SESSIONS = (
    "select 1 from pg_stat_activity where datname = current_database()"
    " and application_name = 'purge'"
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that has S3 in memory and nothing else."""

    clients: Any = field(default_factory=silent_clients)
    id: str = OWNER

    def client(self, _: str) -> Any:
        """Return S3's client."""
        return self.clients.s3


def staged(server: Database) -> Iterator[Stage]:
    """Make a stage for the tests of a file."""
    database = server.new_database()
    account: Any = Account()
    yield Stage(database, account)
    database.drop()


def difference(expected: State, found: State) -> list[str]:
    """Say what is missing, and what is too much."""
    return [f"missing {each}" for each in sorted(expected - found)] + [
        f"too much {each}" for each in sorted(found - expected)
    ]
