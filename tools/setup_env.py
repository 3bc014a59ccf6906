"""
Create the tools' environments under ``.tools/``, each from its hash-locked list.

Standard library only: it runs before anything is installed. Uses uv where it is on PATH, else
venv and pip. An environment is made again only when its lock or its interpreter has changed, so
a second call costs milliseconds.

    python tools/setup_env.py dev cloud
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
LOCKS = ROOT / "requirements"

OLDEST_PYTHON = (3, 11)
LAMBDA_PYTHON = "3.13"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: a venv, or (``site_only``) a bare folder to put on a path."""

    name: str
    lock: str
    python: str | None = None  # the minor version wanted, where the machine has it
    site_only: bool = False
    wheels: str | None = None  # of this minor version, whatever runs: only programs are taken

    @property
    def folder(self) -> Path:
        """Where it is made; git ignores it."""
        return TOOLS / self.name


ENVIRONMENTS = {
    env.name: env
    for env in (
        Environment("dev", "dev.txt"),
        Environment("cloud", "cloud.txt", python=LAMBDA_PYTHON),
        Environment("checkov", "checkov.txt"),
        Environment("lambda-runtime", "lambda-runtime.txt", site_only=True),
        Environment("postgres-servers", "postgres-servers.txt", site_only=True, wheels="3.12"),
    )
}


class SetupError(Exception):
    """The machine lacks something; the message says what to install."""


def version_of(python: str | Path) -> tuple[int, int] | None:
    """Run *python* and ask: a name on PATH may be a shim that only prints an error."""
    command = [str(python), "-c", "import sys, venv; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def pythons(minor_version: str) -> Iterator[str]:
    """Yield places where a Python of *minor_version* ("3.13") may be, likeliest first."""
    yield f"python{minor_version}"
    yield sys.executable
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    roots.append(Path.home() / ".local/share/uv/python")
    for root in roots:
        yield from (str(path) for path in sorted(root.glob(f"*{minor_version}*/bin/python3")))
    if uv := shutil.which("uv"):
        found = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", minor_version],
            capture_output=True,
            text=True,
            check=False,
        )
        yield from found.stdout.split()


def find_python(minor_version: str | None) -> str:
    """
    Find an interpreter that really runs; fall back to the one that runs this.

    Raises:
        SetupError: Nothing here is new enough.
    """
    if minor_version:
        wanted = tuple(int(part) for part in minor_version.split("."))
        for candidate in pythons(minor_version):
            if version_of(candidate) == wanted:
                return shutil.which(candidate) or candidate
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(str(part) for part in OLDEST_PYTHON)
        msg = f"Python {oldest} or newer is needed; this is {sys.version.split()[0]}."
        raise SetupError(msg)
    return sys.executable


def run(command: list[str | Path]) -> None:
    """Run quietly; on failure show everything the command said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        msg = f"{' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}"
        raise SetupError(msg)


def install_commands(env: Environment, python: str) -> Iterator[list[str | Path]]:
    """Yield the commands that fill *env*: uv's where uv is there, else venv's and pip's."""
    lock = LOCKS / env.lock
    uv = shutil.which("uv")
    inside = env.folder / "bin" / "python"
    if env.site_only:
        if uv:
            pip = [uv, "pip", "install", "-q", "--python", python]
        else:
            pip = [python, "-m", "pip", "install", "-q"]
        if env.wheels:
            pip += ["--only-binary", ":all:", "--python-version", env.wheels]
        yield [*pip, "--require-hashes", "--no-deps", "--target", env.folder, "-r", lock]
    elif uv:
        yield [uv, "venv", "-q", "--python", python, env.folder]
        yield [uv, "pip", "install", "-q", "--python", inside, "--require-hashes", "-r", lock]
    else:
        yield [python, "-m", "venv", env.folder]
        yield [inside, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock]


def ensure(env: Environment) -> Path:
    """Make *env* if it is missing or stale; return its folder."""
    python = os.path.realpath(find_python(env.python))  # one interpreter, whatever it is called
    lock_digest = hashlib.sha256((LOCKS / env.lock).read_bytes()).hexdigest()
    # An environment cannot be moved: its folder is part of what makes it fresh.
    stamp = f"{lock_digest} {python} {env.folder}\n"
    stamp_file = env.folder / ".stamp"
    if stamp_file.is_file() and stamp_file.read_text() == stamp:
        return env.folder

    sys.stderr.write(f"setting up {env.folder.relative_to(ROOT)} ({env.lock})\n")
    shutil.rmtree(env.folder, ignore_errors=True)
    TOOLS.mkdir(exist_ok=True)
    for command in install_commands(env, python):
        run(command)
    stamp_file.write_text(stamp)
    return env.folder


def main(names: list[str]) -> int:
    """Make the environments named, or all."""
    try:
        for name in names or ENVIRONMENTS:
            ensure(ENVIRONMENTS[name])
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
