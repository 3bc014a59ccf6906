"""
Everything that packing may refuse, in one place.

    BuildError
    ├── SourceError   a module or a pin is refused: names its file and line
    ├── InstallError  uv or pip failed, or is missing
    └── StaleError    the zips are not what the source says
"""

from __future__ import annotations


class BuildError(Exception):
    """Nothing was written; the message says what to change."""


class SourceError(BuildError):
    """A module, or a pin of the lock, cannot be packed as it is written."""

    def __init__(self, file: str, line: int, text: str) -> None:
        """Place *text* at *line* of *file*, a path as messages name it."""
        super().__init__(f"{file}:{line}: {text}")
        self.file, self.line = file, line


class InstallError(BuildError):
    """The wheels could not be fetched and unpacked."""


class StaleError(BuildError):
    """A zip, or SHA256SUMS, is not what the source says."""
