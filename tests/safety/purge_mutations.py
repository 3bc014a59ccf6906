"""
The purge with its guards taken away one at a time, and the race that finds each out.

Locks and conditions are taken out of the statements on their way. A rewriting that finds nothing to
take away fails its test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.safety import purge_writers as writers

if TYPE_CHECKING:
    from tests.safety.purge_steps import Rewrite, Writer


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard less, and who comes in between."""

    name: str
    rewrite: Rewrite
    writer: Writer
    late: bool = False


def without(pattern: str, instead: str = "", *, where: str = "") -> Rewrite:
    """Put *instead* in the place of *pattern*, in statements that hold *where*."""
    place = re.compile(pattern, re.DOTALL)

    def change(text: str) -> str:
        return place.sub(instead, text) if where in text else text

    return change


HELD = r"for update of held"
DUE = (
    r'root\."deleted_at" < cast\(:cutoff as [a-z ]+\) and isfinite\(root\."deleted_at"\)'
    r' and root\."held" is not true'
)
NO_LINKS = r'not exists \(select from "public"\."links".*?and true\)'
NO_FLAGS = r'not exists \(select from "public"\."flags".*?and true\)'

MUTATIONS = (
    Mutation("the record's lock", without("for update of root skip locked"), writers.RESTORE),
    Mutation("that it is due still", without(DUE, "true"), writers.RESTORE),
    Mutation("that it is not held", without(r' and root\."held" is not true'), writers.HOLD),
    Mutation("the lists' lock", without(HELD, where='"lists" as held'), writers.ATTACH),
    Mutation("the files' lock", without(HELD, where='"files" as held'), writers.RENAME),
    Mutation("the images' lock", without("for update of item"), writers.LINK, late=True),
    Mutation("that nobody links an image", without(NO_LINKS, "true"), writers.NOTHING),
    Mutation("that nobody flags an image", without(NO_FLAGS, "true"), writers.FLAG),
    Mutation(
        "that an image is in no album", without(r'item\."album_id" is null', "true"), writers.SHOW
    ),
    Mutation(
        "the release",
        without("where held", "where false and held", where='update "public"."parts"'),
        writers.NOTHING,
    ),
)
