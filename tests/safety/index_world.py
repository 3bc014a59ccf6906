"""
A world with a row of every class, and what must be left of each in the end.

A case says which of its rows are dead and which are alive, written down by hand: the oracle shares
nothing with the code that it judges. ``index_tokens`` has ActingWeb's layout under its preset,
``index_people`` that of another table under rules of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.index_stage import IndexStage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.safety.stage import Clients, Item

LIVING_H, DEAD_H = 10.0, -10.0


@dataclass(frozen=True, slots=True)
class Rows:
    """What a case puts down."""

    dead: tuple[Item, ...] = ()
    alive: tuple[Item, ...] = ()
    either: tuple[Item, ...] = ()  # may stay or go


@dataclass(frozen=True, slots=True)
class Case:
    """Rows that belong together."""

    name: str  # a token's name too
    make: Callable[[IndexStage, str], Rows]


@dataclass(frozen=True, slots=True)
class World:
    """A layout, its cases, and what a run must be told of it."""

    name: str
    key_names: tuple[str, str]
    environment: Mapping[str, str]
    cases: tuple[Case, ...]

    def stage(self, clients: Clients) -> IndexStage:
        """Return an empty table of this layout."""
        return IndexStage(clients, self.key_names)

    def build(self, clients: Clients) -> tuple[IndexStage, Fate]:
        """Return a table with every case in it, and what is to become of its rows."""
        stage = self.stage(clients)
        return stage, place_cases(stage, self.cases)


@dataclass
class Fate:
    """Which case each row is of, by what is to become of it."""

    dead: dict[tuple[str, str], str] = field(default_factory=dict)
    alive: dict[tuple[str, str], tuple[str, Item]] = field(default_factory=dict)
    either: set[tuple[str, str]] = field(default_factory=set)

    def faults(self, stage: IndexStage) -> list[str]:
        """Say, one line each, what of the living is missing and what of the dead is left."""
        there = stage.rows()
        found = [f"left: {place} of {name}" for place, name in self.dead.items() if place in there]
        for place, (name, item) in self.alive.items():
            if place not in there:
                found.append(f"LOST: {place} of {name}")
            elif there[place] != item:
                found.append(f"CHANGED: {place} of {name}")
        return found


def place_cases(stage: IndexStage, cases: tuple[Case, ...]) -> Fate:
    """Write every case's rows."""
    fate, items = Fate(), []
    for case in cases:
        rows = case.make(stage, case.name)
        fate.dead |= {stage.place(item): case.name for item in rows.dead}
        fate.alive |= {stage.place(item): (case.name, item) for item in rows.alive}
        fate.either |= {stage.place(item) for item in rows.either}
        items += [*rows.dead, *rows.alive, *rows.either]
    stage.write(items)
    return fate


def moments(stage: IndexStage, data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``used_h=-3`` into ``used_at`` three hours ago; leave the rest as it is."""
    return {
        f"{name.removesuffix('_h')}_at" if name.endswith("_h") else name: (
            stage.at(value) if name.endswith("_h") else value
        )
        for name, value in data.items()
    }
