"""
A small checkout for build.py to pack: sources, a lock, and wheels made on the spot.

No index is asked: the lock's wheels lie in a folder beside it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

HANDLER = """
def handler(event, context):
    return {}
"""


def digest_in_record(content: bytes) -> str:
    """Hash *content* as a wheel's RECORD spells it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.decode().rstrip('=')}"


class Checkout:
    """A folder laid out as this repository is, with a handler package ``sweep``."""

    def __init__(self, root: Path) -> None:
        """Lay it out in *root*, with an empty lock."""
        self.root = root
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        self.write("requirements/lambda.txt", "")
        self.write("lambda_src/sweep/__init__.py", "")
        self.write("lambda_src/sweep/handler.py", HANDLER)
        self.write("lambda_src/expiry/__init__.py", "")

    def write(self, path: str, text: str) -> Path:
        """Write *text* at *path* below the checkout."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def handler(self, imports: str) -> None:
        """Let the handler import as *imports* says, from line 1."""
        self.write("lambda_src/sweep/handler.py", f"{imports}\n{HANDLER}")

    def wheel(
        self, name: str, files: dict[str, str], *, tag: str = "py3-none-any", version: str = "1.0"
    ) -> str:
        """Make a wheel of *files*, and return the line that pins it."""
        info = f"{name}-{version}.dist-info"
        contents = {path: text.encode() for path, text in files.items()}
        contents[f"{info}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
        )
        contents[f"{info}/WHEEL"] = (
            f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        )
        contents[f"{info}/licenses/LICENSE"] = b"Do as you like.\n"
        rows = [f"{path},{digest_in_record(body)},{len(body)}\n" for path, body in contents.items()]
        contents[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, body in contents.items():
                archive.writestr(path, body)
        (self.wheels / f"{name}-{version}-{tag}.whl").write_bytes(buffer.getvalue())
        return pin(name, hashlib.sha256(buffer.getvalue()).hexdigest(), version)

    def unpack(self, site: Path) -> None:
        """Unpack every wheel into *site*, without an installer's checks."""
        for wheel in sorted(self.wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)

    def lock(self, *pins: str) -> None:
        """Write the lock: an empty line, then each of *pins* on a line of its own."""
        self.write("requirements/lambda.txt", "\n" + "".join(f"{line}\n" for line in pins))

    def members(self, name: str = "sweep") -> dict[str, bytes]:
        """Read what the zip *name* holds."""
        with zipfile.ZipFile(self.root / "artifacts" / f"{name}.zip") as archive:
            return {member: archive.read(member) for member in archive.namelist()}

    def artifacts(self) -> dict[str, bytes]:
        """Read every file of artifacts/, whatever it is."""
        folder = self.root / "artifacts"
        return (
            {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
        )


def pin(name: str, sha256: str, version: str = "1.0") -> str:
    """Write the line that pins a wheel to its hash."""
    return f"{name}=={version} --hash=sha256:{sha256}"


def run_build(
    root: Path, *arguments: str, python: str = sys.executable, umask: int = 0o022, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run *root*'s own build.py as a user does, with *env* over a bare environment."""
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [python, str(root / "build.py"), *arguments],
        env=bare | env,
        umask=umask,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
