"""build.py holds its installer to the lock, and the lock to plain pins of pure wheels."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import build
from tests.unit.build_checkout import Checkout, pin
from tools.packing.wheels import Wheels

LIBRARY = {"lib/__init__.py": "", "lib/core.py": "", "lib-1.0.data/scripts/lib": "#!python\n"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose installers know no index, only the folder of its own wheels."""
    checkout = Checkout(tmp_path / "checkout")
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(checkout.wheels))
    return checkout


def refusal(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> str:
    """Build, see it refused without anything written, and return the message."""
    assert build.main([], checkout.root) == 1
    assert checkout.artifacts() == {}
    return capsys.readouterr().err


def test_build_script_that_two_wheels_bring_is_no_conflict(checkout: Checkout) -> None:
    """Scripts are not packed, so it does not matter that two are named alike."""
    twin = checkout.wheel("twin", {"twin.py": "", "twin-1.0.data/scripts/lib": "#!python\n"})
    checkout.lock(checkout.wheel("lib", LIBRARY), twin)
    checkout.handler("import lib\nimport twin")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("bin")] == []


def test_build_wheel_with_another_hash_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wheel that is not the one pinned is named with its line in the lock."""
    other = checkout.wheel("other", {"other.py": ""})
    checkout.wheel("lib", LIBRARY)
    checkout.lock(other, pin("lib", "0" * 64))
    checkout.handler("import lib")

    message = refusal(checkout, capsys)
    assert message.startswith("requirements/lambda.txt:3: lib does not have the hash pinned here\n")


def test_build_wheel_that_cannot_be_had_is_named(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pin that no index serves gives the installer's own words and the lock's line."""
    checkout.lock(pin("lib", "0" * 64))

    message = refusal(checkout, capsys)
    assert message.startswith("requirements/lambda.txt:2: cannot be installed\n")


def test_build_without_an_installer_says_what_to_install(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python without pip, on a machine without uv, is told what it needs."""
    no_pip = checkout.write("python", "#!/bin/sh\necho $0: No module named pip >&2\nexit 1\n")
    no_pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(no_pip))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    checkout.lock(pin("lib", "0" * 64))

    assert refusal(checkout, capsys).startswith("uv or pip is needed")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lib==1.0", "not name==version --hash=sha256:… alone: lib==1.0"),
        (f"lib>=1.0 --hash=sha256:{'0' * 64}", "not name==version"),
        (f"lib==1.0 ; python_version<'3.12' --hash=sha256:{'0' * 64}", "not name==version"),
        ("--index-url https://example.com", "not name==version"),
        (pin("boto3", "0" * 64), "boto3 comes from Lambda's runtime: never shipped"),
        (pin("Botocore", "0" * 64), "botocore comes from Lambda's runtime: never shipped"),
    ],
)
def test_build_line_that_is_no_plain_pin_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    """No hash, a range, a marker, an option, or the runtime's own: refused before any download."""
    checkout.write(
        "requirements/lambda.txt", f"# what\n{pin('a', '0' * 64)}\n    # via b\n{line}\n"
    )
    lock = checkout.root / "requirements/lambda.txt"
    lock.write_text(lock.read_text().replace(" --hash", " \\\n    --hash", 1))

    assert refusal(checkout, capsys).startswith(f"requirements/lambda.txt:5: {said}")


def test_build_lock_that_is_missing_is_named(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a lock nothing is packed, and the message names the file."""
    (checkout.root / "requirements/lambda.txt").unlink()

    assert "requirements/lambda.txt" in refusal(checkout, capsys)


def test_build_unpacked_wheels_that_were_altered_are_unpacked_again(checkout: Checkout) -> None:
    """The cache below .tools/ is believed only while it is what was unpacked."""
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")
    assert build.main([], checkout.root) == 0
    before = checkout.artifacts()
    (cached,) = (checkout.root / ".tools").glob("wheels/*/site/lib/core.py")
    cached.write_text("import evil\n")

    assert build.main([], checkout.root) == 0
    assert checkout.artifacts() == before


def test_build_unpacked_wheels_serve_without_an_installer(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second build with the same lock asks no installer, and so no network."""
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")
    assert build.main([], checkout.root) == 0
    before = checkout.artifacts()
    monkeypatch.delattr(Wheels, "install")

    assert build.main([], checkout.root) == 0
    assert checkout.artifacts() == before


def test_build_with_uv_and_with_pip_gives_the_same_bytes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not matter which of the two installers the machine has."""
    # The environment's own, whatever the machine has.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    assert shutil.which("uv")
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")
    assert build.main([], checkout.root) == 0
    with_uv = checkout.artifacts()
    shutil.rmtree(checkout.root / ".tools")
    monkeypatch.setattr("shutil.which", lambda _name: None)

    assert build.main([], checkout.root) == 0
    assert checkout.artifacts() == with_uv
