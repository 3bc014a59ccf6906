"""
A file that may be packed, and the zip of many: the same bytes on every machine.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class File:
    """A file that a zip may hold; *wheel* is the distribution it came with, None for ours."""

    path: PurePosixPath
    source: Path
    shown: str  # as messages name it
    wheel: str | None = None

    @property
    def module(self) -> str:
        """The dotted name, if this is a module."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def zipped(files: Iterable[File]) -> bytes:
    """Zip *files*, with nothing of this machine in it; deflate differs from zlib to zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            info = zipfile.ZipInfo(str(file.path), date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, so that the mode is honoured
            info.external_attr = 0o100644 << 16
            archive.writestr(info, file.source.read_bytes())
    return buffer.getvalue()
