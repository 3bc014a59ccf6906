"""
The wheels that handlers may reach: fetched by uv or pip, each checked against the lock's hash.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tools.packing.errors import BuildError, InstallError, SourceError
from tools.packing.files import File
from tools.packing.target import RUNTIME, STDLIB, TARGET_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = "requirements/lambda.txt"

PIN = re.compile(r"([\w.-]+)(?:\[[^]]*])?==([^\s;]+)(?: --hash=sha256:[0-9a-f]{64})+")
COMPILED = frozenset({".so", ".pyd", ".dylib", ".dll"})
NEVER_PACKED = re.compile(r".*\.py[ci]|py\.typed|\..*")  # bytecode, stubs, hidden


class Wheels:
    """The lock's wheels, unpacked once below .tools/ and verified whenever they are used."""

    def __init__(self, root: Path) -> None:
        """Take the checkout's folder."""
        self.lock, self.cache = root / LOCK, root / ".tools" / "wheels"

    def pins(self) -> dict[str, int]:
        """
        Read the lock: normalised names, each with its line.

        Raises:
            SourceError: A line is no pin with a hash, depends on the Python that installs (a
                marker), or pins what Lambda's runtime brings.
        """
        found: dict[str, int] = {}
        text = re.sub(r"(?m)(^|[ \t])#.*", "", self.lock.read_text(encoding="utf-8"))
        joined = re.sub(r"[ \t]*\\\n[ \t]*", "\0", text)  # keeps the count of lines
        line = 1
        for raw in joined.split("\n"):
            pin = raw.replace("\0", " ").strip()
            match = PIN.fullmatch(pin)
            name = normalised(match[1]) if match else ""
            if pin and not match:
                raise SourceError(LOCK, line, f"not name==version --hash=sha256:… alone: {pin}")
            if name in RUNTIME:
                raise SourceError(LOCK, line, f"{name} comes from Lambda's runtime: never shipped")
            if pin:
                found.setdefault(name, line)
            line += 1 + raw.count("\0")
        return found

    def files(self) -> list[File]:
        """
        List every file of every wheel but scripts and bytecode.

        Raises:
            SourceError: A wheel is compiled, or brings a path or a name that is taken.
        """
        pins = self.pins()
        found: dict[PurePosixPath, File] = {}
        for folder in sorted(self.unpacked().glob("*.dist-info")) if pins else ():
            name = normalised(folder.name.partition("-")[0])
            files = list(recorded(folder, name))
            tags = re.findall(r"(?m)^Tag:\s*(\S+)", (folder / "WHEEL").read_text(encoding="utf-8"))
            compiled = [str(file.path) for file in files if file.path.suffix in COMPILED]
            if "py3-none-any" not in tags or compiled:
                text = f"{name} is not pure Python ({', '.join(compiled or tags)}): pin the hash"
                raise SourceError(LOCK, pins[name], f"{text} of a py3-none-any wheel alone")
            for file in files:
                owner = "the standard library" if file.module.partition(".")[0] in STDLIB else None
                if other := found.get(file.path):
                    owner = other.wheel
                if owner:
                    text = f"{name} brings {file.path}, as {owner} does"
                    raise SourceError(LOCK, pins[name], text)
                found[file.path] = file
        return list(found.values())

    def unpacked(self) -> Path:
        """Return the folder of the unpacked wheels; fill it where it is missing or altered."""
        folder = self.cache / hashlib.sha256(self.lock.read_bytes()).hexdigest()[:16]
        site, stamp = folder / "site", folder / "tree.sha256"
        if not (stamp.is_file() and stamp.read_text() == tree_digest(site)):
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                new = Path(scratch, "new")
                self.install(new / site.name)
                (new / stamp.name).write_text(tree_digest(new / site.name))
                shutil.rmtree(folder, ignore_errors=True)
                # Another build may have been faster; its wheels have the same hashes.
                with contextlib.suppress(OSError):
                    new.rename(folder)
        return site

    def install(self, site: Path) -> None:
        """Let uv, or else pip, fetch and unpack the wheels, each checked against its hash."""
        common = [
            "-q",
            "--target",
            str(site),
            "--python-version",
            TARGET_PYTHON,
            "--require-hashes",
        ]
        common += ["--no-deps", "--only-binary", ":all:", "-r", str(self.lock.resolve())]
        if uv := shutil.which("uv"):
            pip = [uv, "pip", "install", "--python", sys.executable, "--link-mode", "copy"]
        else:
            pip = [sys.executable, "-m", "pip", "install", "--no-compile"]
        # A user's pip.conf may ask for --user or for a venv: neither goes with --target.
        env = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        done = subprocess.run([*pip, *common], env=env, capture_output=True, check=False)
        if done.returncode:
            raise self.failure((done.stdout + done.stderr).decode(errors="replace").strip())

    def failure(self, output: str) -> BuildError:
        """Name the line of the lock that the installer complains about."""
        if "No module named pip" in output:
            return InstallError("uv or pip is needed to unpack the wheels: install one of them")
        spelt = normalised(output)
        name, line = next((pin for pin in self.pins().items() if f"{pin[0]}==" in spelt), ("", 1))
        if re.search(r"(?i)do not match the hashes|hash mismatch", output):
            return SourceError(LOCK, line, f"{name} does not have the hash pinned here\n{output}")
        return InstallError(f"{LOCK}:{line}: cannot be installed\n{output}")


def normalised(text: str) -> str:
    """Spell the distributions in *text* as their lock does, whatever a tool makes of them."""
    return re.sub(r"[-_.]+", "-", text).lower()


def recorded(dist_info: Path, wheel: str) -> Iterator[File]:
    """Yield the files that a wheel brought, by its RECORD, the list both installers write."""
    with (dist_info / "RECORD").open(encoding="utf-8", newline="") as record:
        for path in (PurePosixPath(row[0]) for row in csv.reader(record)):
            if path.parts[0] not in {"..", "bin"} and not NEVER_PACKED.fullmatch(path.name):
                yield File(path, dist_info.parent / path, f"{path} ({wheel})", wheel)


def tree_digest(folder: Path) -> str:
    """Digest the names and contents of all files below *folder*."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return total.hexdigest()
