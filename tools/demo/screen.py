"""
Print for a person who watches: steps, facts, and tables.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = time.monotonic()


def say(text: str = "") -> None:
    """Print a line at once, whatever stdout is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def step(text: str) -> None:
    """Print what begins now, with the seconds since the start."""
    say(f"\n[{time.monotonic() - BEGAN:5.0f} s] {text}")


def table(rows: Sequence[Sequence[object]], *, header: Sequence[str] = ()) -> None:
    """
    Print *rows* in columns, numbers to the right.

    Args:
        header: Titles of the columns; none where left out.
    """
    texts = [[str(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    if header:
        texts.insert(1, ["-" * width for width in widths])
    for row in texts:
        cells = [
            cell.rjust(width)
            if cell.replace(".", "").replace(",", "").isdigit()
            else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        say(f"    {'  '.join(cells).rstrip()}")
