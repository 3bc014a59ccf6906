"""
Pack every Lambda handler into ``artifacts/<name>.zip``: the same bytes on every machine.

    python build.py              pack all, and write SHA256SUMS
    python build.py ttl_monitor  pack the ones named
    python build.py --check      pack in memory, compare, say what differs
    python build.py --list       name the handlers

A zip holds the handler's own package, the modules of ``expiry`` that it reaches, and what both
reach of the pure-Python wheels in requirements/lambda.txt, each checked against its hash. Reads
syntax trees, never runs what it packs. Standard library only; uv or pip unpacks the wheels.
Nothing is written before everything is packed. How a zip comes about is in tools/packing.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tools.packing.closure import SHARED, Modules
from tools.packing.errors import BuildError, SourceError, StaleError
from tools.packing.files import File, zipped
from tools.packing.imports import parse
from tools.packing.target import RUNTIME, RUNTIME_LEAVES, STDLIB
from tools.packing.wheels import NEVER_PACKED, Wheels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Project:
    """A checkout: its handlers, its lock, its zips."""

    def __init__(self, root: Path) -> None:
        """Take the checkout's folder; nothing is read yet."""
        self.source, self.artifacts = root / "lambda_src", root / "artifacts"
        self.wheels = Wheels(root)

    def file(self, path: PurePosixPath) -> File:
        """Describe a file of ours by its path below lambda_src."""
        return File(path, self.source / path, f"{self.source.name}/{path}")

    def names(self) -> list[str]:
        """Name the handler packages."""
        return sorted(path.parent.name for path in self.source.glob("*/handler.py"))

    def handlers(self, name: str) -> list[str]:
        """List what a function's ``handler`` may name in the package *name*."""
        file = self.file(PurePosixPath(name, "handler.py"))
        if found := parse(file).handlers:
            return [f"{file.module}.{function}" for function in found]
        raise SourceError(file.shown, 1, "no public function here takes (event, context)")

    def ours(self) -> Iterator[File]:
        """Yield our files that may be packed: no bytecode, no stubs, nothing hidden."""
        for source in sorted(self.source.rglob("*")):
            path = PurePosixPath(source.relative_to(self.source).as_posix())
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            if source.is_file() and not hidden and not NEVER_PACKED.fullmatch(path.name):
                yield self.file(path)

    def modules(self) -> Modules:
        """
        Gather all that could be packed.

        Raises:
            SourceError: A package of ours has no handler.py, or a name that is taken.
        """
        ours, wheels = list(self.ours()), self.wheels.files()
        taken = dict.fromkeys(STDLIB, "the standard library")
        taken |= dict.fromkeys(RUNTIME | RUNTIME_LEAVES, "Lambda's runtime")
        taken |= {file.module.partition(".")[0]: f"the wheel {file.wheel}" for file in wheels}
        seen: set[str] = set()
        for file in (file for file in ours if file.path.suffix == ".py"):
            top = file.path.parts[0]
            if owner := taken.get(file.module.partition(".")[0]):
                raise SourceError(file.shown, 1, f"{top} is the name of one of {owner}: rename it")
            if file.module in seen:
                raise SourceError(file.shown, 1, f"{file.module} is there as a file and a folder")
            if top != SHARED and not (self.source / top / "handler.py").is_file():
                raise SourceError(file.shown, 1, f"{top} has no handler.py, and is not {SHARED}")
            seen.add(file.module)
        return Modules([*ours, *wheels])

    def pack(self, names: Iterable[str]) -> dict[str, bytes]:
        """Pack the packages *names*, in memory."""
        modules, entries = self.modules(), {name: self.handlers(name) for name in names}
        return {name: zipped(modules.packed(name)) for name in entries}

    def present(self) -> dict[str, bytes]:
        """Read the zips that are there."""
        return {path.stem: path.read_bytes() for path in sorted(self.artifacts.glob("*.zip"))}

    def build(self, names: Iterable[str]) -> dict[str, bytes]:
        """Write the zips of *names*, or all and no others; then SHA256SUMS."""
        wanted, known = sorted(set(names)), self.names()
        if unknown := [name for name in wanted if name not in known]:
            text = f"no handler package {', '.join(unknown)}; there are: {', '.join(known)}"
            raise BuildError(text)
        zips = self.pack(wanted or known)
        self.artifacts.mkdir(exist_ok=True)
        for name, content in zips.items():
            write_whole(self.artifacts / f"{name}.zip", content)
        for name in [] if wanted else self.present().keys() - zips.keys():
            (self.artifacts / f"{name}.zip").unlink()
        write_whole(self.artifacts / "SHA256SUMS", sums(self.present()))
        return zips

    def check(self) -> dict[str, bytes]:
        """
        Pack everything again, in memory, and compare.

        Raises:
            StaleError: What is there differs; the message says where.
        """
        wanted, found = self.pack(self.names()), self.present()
        wrong = [f"{name}.zip is missing" for name in wanted.keys() - found.keys()]
        wrong += [f"{name}.zip has no handler package" for name in found.keys() - wanted.keys()]
        both = wanted.keys() & found.keys()
        wrong += [f"{name}.zip differs" for name in both if wanted[name] != found[name]]
        manifest = self.artifacts / "SHA256SUMS"
        if not manifest.is_file() or manifest.read_bytes() != sums(wanted):
            wrong.append("SHA256SUMS differs")
        if wrong:
            text = "\n".join(f"{self.artifacts.name}/{what}" for what in sorted(wrong))
            raise StaleError(f"{text}\nRun `python build.py` and commit what it writes.")
        return wanted


def sums(zips: Mapping[str, bytes]) -> bytes:
    """Return SHA256SUMS as ``sha256sum --check`` reads it."""
    lines = (f"{hashlib.sha256(zips[name]).hexdigest()}  {name}.zip\n" for name in sorted(zips))
    return "".join(lines).encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write beside *path*, then rename: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def table(zips: Mapping[str, bytes]) -> str:
    """Lay out name, files, bytes, sha256."""
    width = max(map(len, ("name", *zips)))
    lines = [f"{'name':<{width}}  files    bytes  sha256"]
    for name, content in zips.items():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = len(archive.namelist())
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{name:<{width}}  {files:>5}  {len(content):>7}  {digest}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description="Pack the Lambda handlers into artifacts/.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="handler packages (default: all)")
    parser.add_argument("--check", action="store_true", help="compare the zips with the source")
    parser.add_argument("--list", action="store_true", help="name the handlers, build nothing")
    asked = parser.parse_args(arguments)
    if sum([bool(asked.names), asked.check, asked.list]) > 1:
        parser.error("NAME, --check and --list exclude each other")
    project = Project(root or Path(__file__).resolve().parent)
    try:
        if asked.list:
            for name in project.names():
                print(f"{name}  {' '.join(project.handlers(name))}")
        else:
            print(table(project.check() if asked.check else project.build(asked.names)))
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
