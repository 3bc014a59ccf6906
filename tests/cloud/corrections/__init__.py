"""
What the emulator gets wrong or lacks, put right: one small module each, applied before it serves.

Each module says what AWS does, what the emulator does, and what upstream would need, and has a
function ``apply()``. ``EXPIRY_CLOUD_WITHOUT=name,name`` leaves some out: a test does that for each
and sees the defect. All were written against ``emulator.VERSION``.
"""

from __future__ import annotations

import importlib
import pkgutil


def names() -> list[str]:
    """Return the name of every correction, in the order in which they are applied."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def apply(without: set[str]) -> None:
    """
    Apply every correction but those in *without*.

    Raises:
        SystemExit: *without* names one that does not exist.
    """
    if unknown := without - set(names()):
        raise SystemExit(f"no such correction: {', '.join(sorted(unknown))}")
    for name in names():
        if name not in without:
            importlib.import_module(f"{__name__}.{name}").apply()
