"""
What holds for a whole run: the cutoff, the bucket, and who asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.objects import Listed

if TYPE_CHECKING:
    from datetime import datetime

# What lies at each key: None where nothing does. A key that is left out is not known: S3 did not
# say.
Seen = Mapping[str, Listed | None]
Look = Callable[[Collection[str]], Seen]


def nothing_seen(keys: Collection[str]) -> Seen:  # noqa: ARG001 - a Look
    """Know nothing of any key: the drain looks itself."""
    return {}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a purge needs beside the plan."""

    cutoff: datetime  # by the database's clock: what was deleted before it is due
    bucket: str = ""  # where the plan's files are
    correlation_id: str = ""
