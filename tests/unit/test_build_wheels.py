"""build.py packs what is reached of the lock's wheels, and refuses what a lock must not say."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

import build
from tests.unit.build_checkout import Checkout, pin

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = {
    "lib/__init__.py": "from .core import run\n",
    "lib/core.py": "import json\nfrom lib import deep\n",
    "lib/deep.py": "",
    "lib/unused.py": "import requests\n",
    "lib/rules.json": "{}\n",
    "lib/py.typed": "",
    "lib/locale/words.txt": "words\n",
    "lib/extra/__init__.py": "",
    "lib/extra/data.txt": "",
    "lib-1.0.data/scripts/lib": "#!python\n",
}


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


def test_build_wheel_brings_what_is_reached_and_its_licence(checkout: Checkout) -> None:
    """Of a wheel come the modules reached, the data beside them, METADATA and the licence."""
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("lib")] == [
        "lib-1.0.dist-info/METADATA",
        "lib-1.0.dist-info/licenses/LICENSE",
        "lib/__init__.py",
        "lib/core.py",
        "lib/deep.py",
        "lib/locale/words.txt",
        "lib/rules.json",
    ]


def test_build_wheel_that_nothing_reaches_stays_out(checkout: Checkout) -> None:
    """A pinned wheel that no import names leaves no trace in the zip."""
    checkout.lock(checkout.wheel("lib", LIBRARY))

    assert build.main([], checkout.root) == 0
    assert sorted(checkout.members()) == ["sweep/__init__.py", "sweep/handler.py"]


def test_build_optional_import_of_a_wheel_counts_where_it_can_succeed(checkout: Checkout) -> None:
    """A wheel's lazy import is packed, unless loading it needs what is not there (an extra)."""
    core = (
        "def f():\n    import lib.lazy\n"
        "def g():\n    import lib.extra\n"
        "try:\n    import fast\nexcept ImportError: ...\n"
    )
    files = {
        "lib/__init__.py": core,
        "lib/lazy.py": "",
        "lib/extra.py": "import lib.more\n",
        "lib/more.py": "import pydantic\n",
    }
    checkout.lock(checkout.wheel("lib", files))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if path.startswith("lib/")] == [
        "lib/__init__.py",
        "lib/lazy.py",
    ]


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import pydantic\n", "core.py (lib):1: imports pydantic, which requirements/lambda.txt"),
        ("import cgi\n", "core.py (lib):1: imports cgi, which Python 3.13 does not have"),
        ("x = 1\ny = __import__(x)\n", "core.py (lib):2: imports by string: list lib.core in"),
        ("def f(:\n", "core.py (lib):1: syntax error"),
    ],
)
def test_build_wheel_that_cannot_load_says_who_reaches_it(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], module: str, said: str
) -> None:
    """A wheel's own import that nothing satisfies is refused, with our import that leads there."""
    checkout.lock(
        checkout.wheel("lib", {"lib/__init__.py": "import lib.core", "lib/core.py": module})
    )
    checkout.handler("import json\nimport lib")

    message = refusal(checkout, capsys)
    assert message.startswith(f"lib/{said}")
    assert "syntax" in said or message.endswith("; reached from lambda_src/sweep/handler.py:2\n")


def test_build_declared_dynamic_import_is_packed(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a wheel loads by string is packed as build.py's table says."""
    files = {"lib/__init__.py": "__import__('lib.plugin')", "lib/plugin.py": "", "lib/other.py": ""}
    monkeypatch.setattr(build, "DYNAMIC_IMPORTS", {"lib": ("lib.plugin",)})
    checkout.lock(checkout.wheel("lib", files))
    checkout.handler("import lib")

    assert build.main([], checkout.root) == 0
    assert "lib/plugin.py" in checkout.members()
    assert "lib/other.py" not in checkout.members()


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
    monkeypatch.setattr("build.sys.executable", str(no_pip))
    monkeypatch.setattr("build.shutil.which", lambda _name: None)
    checkout.lock(pin("lib", "0" * 64))

    assert refusal(checkout, capsys).startswith("uv or pip is needed")


@pytest.mark.parametrize(
    ("files", "tag"),
    [
        ({"lib/__init__.py": ""}, "cp313-cp313-manylinux2014_x86_64"),
        ({"lib/__init__.py": "", "lib/fast.cpython-313-x86_64-linux-gnu.so": ""}, "py3-none-any"),
    ],
)
def test_build_wheel_with_compiled_parts_is_refused(
    checkout: Checkout,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    tag: str,
) -> None:
    """Compiled code runs on one architecture only: its wheel is refused, whatever it is tagged."""
    checkout.lock(checkout.wheel("lib", files, tag=tag))
    archive = next(checkout.wheels.glob("*.whl"))
    monkeypatch.setattr(
        build.Wheels, "install", lambda _self, site: shutil.unpack_archive(archive, site, "zip")
    )

    message = refusal(checkout, capsys)
    assert message.startswith("requirements/lambda.txt:2: lib is not pure Python (")


@pytest.mark.parametrize(
    ("path", "owner"), [("lib/core.py", "lib"), ("json/x.py", "the standard library")]
)
def test_build_path_that_two_bring_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], path: str, owner: str
) -> None:
    """Two wheels with one path, or a wheel that hides a standard module, are named."""
    checkout.lock(checkout.wheel("lib", LIBRARY), checkout.wheel("twin", {path: ""}))

    message = refusal(checkout, capsys)
    assert message == f"requirements/lambda.txt:3: twin brings {path}, as {owner} does\n"


def test_build_package_of_ours_named_as_a_wheel_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A handler package may not hide a wheel of its name."""
    checkout.lock(checkout.wheel("lib", {"sweep/core.py": ""}))

    message = refusal(checkout, capsys)
    assert message.startswith(
        "lambda_src/sweep/__init__.py:1: sweep is the name of one of the wheel"
    )


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
    monkeypatch.delattr(build.Wheels, "install")

    assert build.main([], checkout.root) == 0
    assert checkout.artifacts() == before


def test_build_with_uv_and_with_pip_gives_the_same_bytes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not matter which of the two installers the machine has."""
    if not shutil.which("uv"):
        pytest.skip("uv is not on PATH")
    checkout.lock(checkout.wheel("lib", LIBRARY))
    checkout.handler("import lib")
    assert build.main([], checkout.root) == 0
    with_uv = hashlib.sha256(checkout.artifacts()["sweep.zip"]).hexdigest()
    shutil.rmtree(checkout.root / ".tools")
    monkeypatch.setattr("build.shutil.which", lambda _name: None)

    assert build.main([], checkout.root) == 0
    assert hashlib.sha256(checkout.artifacts()["sweep.zip"]).hexdigest() == with_uv
