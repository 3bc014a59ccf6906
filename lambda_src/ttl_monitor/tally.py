"""
Count the rows of a scan by standing, page by page, keeping a few samples of each.

Memory is bounded: ten samples a class, a thousand users, and six numbers for each segment of a
sample. Samples hold keys and expiries, never other contents.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.attributes import json_key, json_number, type_of
from ttl_monitor.classification import NEVER, Moment, Standing, classify
from ttl_monitor.heavy_hitters import HeavyHitters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.scanning import Page, Row

MAX_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Naming:
    """Which attributes of a row mean what."""

    keys: tuple[str, ...]
    ttl_attribute: str
    item_id: str
    user_separator: str


class Tally:
    """What a scan has found so far."""

    def __init__(self, naming: Naming, moment: Moment, *, by_segment: bool) -> None:
        """Count; *by_segment* also keeps each segment's counts, for an estimate."""
        self._naming, self._moment = naming, moment
        self.counts: Counter[Standing] = Counter()
        self.segments: dict[int, Counter[Standing]] | None = {} if by_segment else None
        self.users = HeavyHitters()
        self.without_separator = 0
        self.oldest_s: int | None = None
        self.newest_s: int | None = None
        self.never_samples: dict[Standing, list[dict[str, Any]]] = {kind: [] for kind in NEVER}
        # A heap with the youngest of the oldest on top; the key's text settles equal times, and a
        # number of its own what no key can settle: rows do not compare.
        self._oldest: list[tuple[int, str, int, Row]] = []
        self._numbers = itertools.count()

    def take(self, page: Page) -> None:
        """Count the rows of *page*; those that the service did not send are live."""
        counts = Counter({Standing.LIVE: page.scanned - len(page.rows)})
        users: Counter[str] = Counter()
        attribute = self._naming.ttl_attribute
        for row in page.rows:
            standing, expires_at_s = classify(row.get(attribute), self._moment)
            counts[standing] += 1
            if standing is Standing.EXPIRED:
                users[self._user(row)] += 1
                self._keep_oldest(row, expires_at_s)
            elif standing is not Standing.LIVE:
                self._keep_never(row, standing)
        self.counts.update(counts)
        self.users.add(users)
        if self.segments is not None:
            self.segments.setdefault(page.segment, Counter()).update(counts)

    def oldest_samples(self) -> list[dict[str, Any]]:
        """Return the oldest expired rows, oldest first."""
        oldest_first = sorted(self._oldest, key=lambda entry: (-entry[0], entry[1]))
        return [
            self._sample(row) | {"expired_ago_hours": hours(self._moment.now_s + negated_s)}
            for negated_s, _, _, row in oldest_first
        ]

    def _user(self, row: Row) -> str:
        """Return the part before the first separator; without one the whole id is the user."""
        value = row[self._naming.item_id]
        text = value.get("S")
        if text is not None:
            user, separator, _ = text.partition(self._naming.user_separator)
            if separator:
                return str(user)
        self.without_separator += 1
        return str(json_key(value))

    def _keep_oldest(self, row: Row, expires_at_s: int) -> None:
        if self.oldest_s is None or expires_at_s < self.oldest_s:
            self.oldest_s = expires_at_s
        if self.newest_s is None or expires_at_s > self.newest_s:
            self.newest_s = expires_at_s
        if len(self._oldest) == MAX_SAMPLES and expires_at_s > -self._oldest[0][0]:
            return
        text = json.dumps(self._keys(row), sort_keys=True)
        entry = (-expires_at_s, text, next(self._numbers), row)
        if len(self._oldest) < MAX_SAMPLES:
            heapq.heappush(self._oldest, entry)
        else:
            heapq.heappushpop(self._oldest, entry)

    def _keep_never(self, row: Row, standing: Standing) -> None:
        samples = self.never_samples[standing]
        if len(samples) < MAX_SAMPLES:
            samples.append(self._sample(row))

    def _keys(self, row: Row) -> dict[str, int | str]:
        return {name: json_key(row[name]) for name in self._naming.keys}

    def _sample(self, row: Row) -> dict[str, Any]:
        value: Mapping[str, Any] | None = row.get(self._naming.ttl_attribute)
        sample: dict[str, Any] = dict(self._keys(row))
        if value is not None and "N" in value:
            sample["expires_at"] = json_number(value["N"])
        elif value is not None:
            # The value itself is content; its type is what must be mended.
            sample["expires_at_type"] = type_of(value)
        return sample


def hours(seconds: float) -> float:
    """Return *seconds* in hours, to one decimal."""
    return round(seconds / 3600, 1)
