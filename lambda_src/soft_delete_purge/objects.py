"""
The files of a record: which keys its rows name, what lay there, and the outbox that they go to.

The outbox is written in the record's own transaction, and drained after it. Whether another row
names a key is asked by the drain, not here: two purges at once would each see the other's row, and
neither would take the file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.errors import StoreError
from expiry.postgres.names import quoted
from soft_delete_purge import shared as sharing
from soft_delete_purge.paths import Pair, pairs, steps
from soft_delete_purge.purged import DoomedObject
from soft_delete_purge.terms import nothing_seen
from soft_delete_purge.urls import ABSENT, FOREIGN, key_of, spellings, spelt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from expiry.postgres.names import Relation
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.plan import Files
    from soft_delete_purge.terms import Look, Seen, Terms

OUTBOX = "expiry.purge_outbox"

Named = tuple[str, Pair]  # the name in the plan's objects, whose, and what the row holds

ENQUEUE = f"""
insert into {OUTBOX} (bucket, key, etag, size_bytes, source, correlation_id)
select :bucket, item.key, item.etag, item.size_bytes, item.source, :correlation_id
from unnest(cast(:keys as text[]), cast(:etags as text[]), cast(:sizes as bigint[]),
            cast(:sources as text[])) as item (key, etag, size_bytes, source)
"""  # noqa: S608 - a name of ours, and parameters


@dataclass(slots=True)
class Doomed:
    """The files of several records."""

    objects: defaultdict[str, list[DoomedObject]] = field(default_factory=lambda: defaultdict(list))
    kept: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def keep(self, keys: set[str], reason: str) -> None:
        """Take *keys* out, and count them as kept."""
        for root, found in self.objects.items():
            self.kept[root][reason] += sum(each.key in keys for each in found)
            self.kept[root] += Counter()  # forget what is 0
            self.objects[root] = [each for each in found if each.key not in keys]


def surveyed(session: Session, bound: Bound, keys: Collection[str], look: Look) -> Seen:
    """
    Look at the files that the records *keys* name, before a lock is held.

    What S3 does not say is not known; the database does not wait for it.
    """
    if not bound.plan.files or look is nothing_seen:
        return {}
    found = {
        key
        for name, (_, value) in _read(session, bound, bound.plan.files, keys)
        if (key := key_of(_files(bound, name), value))
    }
    try:
        return look(found) if found else {}
    except StoreError:
        return {}


def doomed(bound: Bound, terms: Terms, seen: Seen, named: Iterable[Named]) -> Doomed:
    """Return what goes of what was *named*: each key once, what is not ours never."""
    found = Doomed()
    taken: set[str] = set()
    for name, (root, value) in named:
        key = key_of(_files(bound, name), value)
        if key is None:
            found.kept[root][FOREIGN] += 1
        elif key in seen and seen[key] is None:
            found.kept[root][ABSENT] += 1
        elif key not in taken:
            taken.add(key)
            listed = seen.get(key)
            etag, size = (listed.etag, listed.size) if listed else (None, None)
            found.objects[root].append(DoomedObject(terms.bucket, key, etag, size, name))
    return found


def enqueue(session: Session, terms: Terms, objects: Sequence[DoomedObject]) -> None:
    """Write *objects* to the outbox, in the transaction that removes the rows naming them."""
    if objects:
        session.run(
            ENQUEUE,
            bucket=terms.bucket,
            correlation_id=terms.correlation_id,
            keys=[each.key for each in objects],
            etags=[each.etag for each in objects],
            sizes=[each.size for each in objects],
            sources=[each.source for each in objects],
        )


def named(session: Session, bound: Bound, keys: Collection[str]) -> set[str]:
    """Return those of *keys* that any row names now, soft-deleted or not: the drain keeps them."""
    if not keys or not bound.plan.files:
        return set()
    query, parameters = naming(bound, keys)
    return {key for (key,) in session.run(query, **parameters)}


def naming(
    bound: Bound, keys: Collection[str], counts: Callable[[Relation], str] = lambda _: "true"
) -> tuple[str, dict[str, list[str]]]:
    """
    Write the query of those of *keys* that a row names; return it with its parameters.

    Args:
        counts: What is true of a row of that table, as ``item``, that counts.
    """
    queries, parameters = [], {}
    places = {(each.relation, each.column, each.url_prefix): each for each in bound.plan.files}
    for place, files in enumerate(places.values()):
        forms = [(key, form) for key in keys for form in sorted(spellings(files, key))]
        parameters[f"keys_{place}"] = [key for key, _ in forms]
        parameters[f"forms_{place}"] = [form for _, form in forms]
        queries.append(
            f"select name.key from unnest(cast(:keys_{place} as text[]),"  # noqa: S608 - quoted names and parameters
            f" cast(:forms_{place} as text[])) as name (key, form)"
            f" where exists (select from {files.relation.sql} as item"
            f" where {spelt(files, 'item')} = name.form and {counts(files.relation)})"
        )
    return " union ".join(queries), parameters


def borne(session: Session, bound: Bound, keys: Collection[str]) -> list[Named]:
    """Read what the rows on the plan's paths below *keys* name, without a lock."""
    files = [each for each in bound.plan.files if each.branch is not None]
    return _read(session, bound, files, keys)


def _read(
    session: Session, bound: Bound, files: Sequence[Files], keys: Collection[str]
) -> list[Named]:
    queries = [
        f"select cast({place} as integer), pair.said,"  # noqa: S608 - quoted names and parameters
        f" cast({_alias(each)}.{quoted(each.column)} as text)"
        f" from {_below(bound, each)} where {_alias(each)}.{quoted(each.column)} is not null"
        for place, each in enumerate(files)
    ]
    if not queries:
        return []
    rows = session.run(" union all ".join(queries), **pairs((key, key) for key in keys))
    return [(files[place].name, (said, value)) for place, said, value in rows]


def _alias(files: Files) -> str:
    if files.branch is not None:
        return f"step_{len(files.branch.hops)}"
    return "item" if files.shared else "root"


def _below(bound: Bound, files: Files) -> str:
    """Write the rows that hang on the records of pairs, and bear *files*."""
    if files.shared:
        (shared,) = (each for each in bound.plan.shared if each.name == files.shared)
        return sharing.linked(bound, shared)
    if files.branch is None:
        root = bound.plan.root
        key = quoted(root.key)
        return f"{bound.from_keys} join {root.relation.sql} as root on root.{key} = pair.value"
    return f"{bound.from_keys}{steps(files.branch)}"


def _files(bound: Bound, name: str) -> Files:
    return next(files for files in bound.plan.files if files.name == name)
