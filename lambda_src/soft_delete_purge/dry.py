"""
The actor of a dry run: it takes what the real one takes, and only reads.

All is asked in one transaction that cannot write, of all records together, because a shared row
goes with the last of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from expiry.outcomes import Outcome
from expiry.postgres.names import quoted
from soft_delete_purge import due, locking, objects, release, shared, transaction
from soft_delete_purge.paths import pairs, texts
from soft_delete_purge.purged import Purged
from soft_delete_purge.shared import candidates_of
from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.postgres.names import Relation
    from expiry.postgres.session import Session
    from soft_delete_purge.objects import Doomed
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.plan import Shared
    from soft_delete_purge.shared import Candidates
    from soft_delete_purge.terms import Look, Terms
    from soft_delete_purge.transaction import Collected

NAMED = "named"  # kept, because another row names the key


def purge(
    session: Session, bound: Bound, keys: Sequence[str], terms: Terms, look: Look = nothing_seen
) -> list[Purged]:
    """
    Say what a purge of all *keys*, the whole run, would do: ``batch.purge``'s twin.

    Raises:
        DatabaseError: Something could not be read.
    """
    keys = list(dict.fromkeys(keys))
    seen = objects.surveyed(session, bound, keys, look) if keys else {}
    with session.transaction(read_only=True):
        found = transaction.collect(session, bound, keys, terms)
        there = locking.present(session, bound, keys)
        ends = {
            key: Purged(key, Outcome.CHANGED, transaction.NOT_DUE)
            if key in there
            else Purged(key, Outcome.GONE, transaction.GONE)
            for key in keys
        }
        if found.children:
            dry = _Dry(session, bound, list(found.children), terms)
            going = dry.judged()
            named = [*found.named, *objects.borne(session, bound, dry.roots), *going.named]
            files = objects.doomed(bound, terms, seen, named)
            dry.keep(files, going)
            counts = (dry.released(), going.gone, going.kept)
            ends |= _told(found, files, counts)
    return [ends[key] for key in keys]


def _told(
    found: Collected, files: Doomed, counts: tuple[dict[str, Counter[str]], ...]
) -> dict[str, Purged]:
    return {
        root: transaction.told(Outcome.WOULD_DELETE, root, children, files, counts)
        for root, children in found.children.items()
    }


class _Dry:
    """Reads what would become of records that are due."""

    def __init__(self, session: Session, bound: Bound, roots: Sequence[str], terms: Terms) -> None:
        self.session, self.bound, self.roots = session, bound, roots
        self.parameters = {
            **pairs((root, root) for root in roots),
            **due.parameters(bound, terms),
        }

    def released(self) -> dict[str, Counter[str]]:
        """Count what would be given back, of whom."""
        found: dict[str, Counter[str]] = {}
        for each in self.bound.plan.release:
            rows = self.session.run(release.count(self.bound, each), **self.parameters)
            found[each.name] = Counter(dict(rows))
        return found

    def judged(self) -> shared.Ended:
        """Judge the shared rows, as they would be once the records are gone."""
        ended = shared.Ended()
        for each in shared.in_order(self.bound):
            ended.add(each, *self._judged(each))
        return ended

    def _judged(self, each: Shared) -> tuple[Candidates, set[str]]:
        files = [item for item in self.bound.plan.files if item.shared == each.name]
        unused = " and ".join(shared.unreferenced(each, self._counts))
        rows = self.session.run(
            f"with recursive {transaction.doomed(self.bound)}"  # noqa: S608 - quoted names and parameters
            f" select {unused}, pair.said, cast(item.{quoted(each.key)} as text)"
            f"{texts('item', (item.column for item in files))}"
            f" from {shared.linked(self.bound, each)} order by item.{quoted(each.key)}, pair.said",
            **self.parameters,
        )
        candidates = candidates_of([row[1:] for row in rows], [item.name for item in files])
        return candidates, {row[2] for row in rows if row[0]}

    def _counts(self, relation: Relation) -> str:
        return self.bound.cascade.spares("reference", relation)

    def keep(self, files: Doomed, going: shared.Ended) -> None:
        """Keep the files whose keys a row would name that stays."""
        keys = {each.key for found in files.objects.values() for each in found}
        if not keys:
            return
        going_keys = {
            each.relation: (f"gone_{place}", each, going.deleted[each.name])
            for place, each in enumerate(shared.in_order(self.bound))
        }

        def counts(relation: Relation) -> str:
            stays = self.bound.cascade.spares("item", relation)
            if relation not in going_keys:
                return stays
            name, each, _ = going_keys[relation]
            kind = self.bound.type_of(relation, each.key)
            return f"{stays} and item.{quoted(each.key)} <> all (cast(:{name} as {kind}[]))"

        query, parameters = objects.naming(self.bound, keys, counts)
        gone = {name: list(deleted) for name, _, deleted in going_keys.values()}
        rows = self.session.run(
            f"with recursive {transaction.doomed(self.bound)} {query}",
            **self.parameters,
            **parameters,
            **gone,
        )
        files.keep({key for (key,) in rows}, NAMED)
